"""The lines of an iCalendar file (RFC 5545), unfolded, and what encloses what. Pure; refusals name the line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.rules.calendar_days import InvalidDays

LONGEST_LINE = 8192
DEEPEST = 8
_NAME = re.compile(r"[A-Za-z0-9-]+")


class InvalidFile(InvalidDays):
    """A file that is no calendar. The message names the line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__("ical", f"line {line}: {message}")


@dataclass(slots=True)
class Line:
    """A line by its number, without its parameters."""

    number: int
    name: str
    value: str


@dataclass(slots=True)
class Nesting:
    """Components that have begun and not ended; ``number`` is the last line seen."""

    parts: list[str] = field(default_factory=list)
    number: int = 1
    closed: bool = False

    def require(self, number: int) -> None:
        """Refuse what stands outside of everything."""
        self.number = number
        if not self.parts:
            raise InvalidFile(number, "a calendar begins with BEGIN:VCALENDAR and ends with END:VCALENDAR")

    def open(self, number: int, part: str) -> int:
        """Returns how deep it lies."""
        self.number = number
        if not self.parts and part != "VCALENDAR":
            raise InvalidFile(number, "a calendar begins with BEGIN:VCALENDAR")
        if len(self.parts) >= DEEPEST:
            raise InvalidFile(number, f"components are at most {DEEPEST} deep")
        self.parts.append(part)
        return len(self.parts)

    def close(self, number: int, part: str) -> None:
        """The innermost one ends."""
        self.require(number)
        if self.parts[-1] != part:
            raise InvalidFile(number, f"END:{part[:40]} where END:{self.parts[-1][:40]} belongs")
        self.parts.pop()
        self.closed = not self.parts

    def end(self) -> None:
        """The file ends."""
        if not self.closed or self.parts:
            raise InvalidFile(self.number, "the file ends before END:VCALENDAR")


def read(text: str) -> Iterator[Line]:
    """Lines that were folded as one. What comes before the first colon outside of quotes is the name and its parameters."""
    begun, parts = 0, [""]
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.removesuffix("\r")
        if line[:1] in (" ", "\t") and begun:
            parts.append(line[1:])
            if sum(map(len, parts[-3:])) > LONGEST_LINE or len(parts) > LONGEST_LINE // 8:
                raise InvalidFile(number, f"a line has at most {LONGEST_LINE} characters")
            continue
        if begun:
            yield _split(begun, "".join(parts))
        begun, parts = (number, [line]) if line.strip() else (0, [""])
        if len(line) > LONGEST_LINE:
            raise InvalidFile(number, f"a line has at most {LONGEST_LINE} characters")
    if begun:
        yield _split(begun, "".join(parts))


def _split(number: int, line: str) -> Line:
    if len(line) > LONGEST_LINE:
        raise InvalidFile(number, f"a line has at most {LONGEST_LINE} characters")
    colon, quoted = -1, False
    for index, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == ":" and not quoted:
            colon = index
            break
    name = line[:colon].partition(";")[0] if colon > 0 else ""
    if not _NAME.fullmatch(name):
        raise InvalidFile(number, "is no line of a calendar, such as DTSTART;VALUE=DATE:20261224")
    return Line(number, name.upper(), line[colon + 1 :])
