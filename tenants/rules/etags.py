"""Entity tags: what one is made of, and what ``If-Match`` and ``If-None-Match`` say of it (RFC 9110).

A tag stands for what a thing is defined as, not for the bytes of an answer: two answers with the same tag tell the
same definition, whoever may see how much of it.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any

from tenants.rules.audit_chain import canonical

#: Bits enough that nobody meets one by chance, few enough to be read aloud.
_LENGTH = 32
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_GAP = re.compile(r"[ \t]*(?:,[ \t]*)+")


class MalformedTags(ValueError):
    """A header that holds neither ``*`` nor a list of quoted tags."""

    def __init__(self) -> None:
        super().__init__('must be *, or tags as answers send them, such as "3b1f": in double quotes, parted by commas')


@dataclass(frozen=True, slots=True)
class Tags:
    """What a header lists: everything (``*``), or some tags, each with whether it is weak."""

    listed: tuple[tuple[bool, str], ...] = ()
    everything: bool = False

    def match(self, tag: str | None, *, weakly: bool = False) -> bool:
        """Whether a thing with this tag is meant; None is a thing that is not there. Compared strongly, no weak tag is."""
        if tag is None:
            return False
        return self.everything or any(own == tag and (weakly or not weak) for weak, own in self.listed)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold for a request to be carried out; nothing if both are None."""

    if_match: Tags | None = None
    if_none_match: Tags | None = None

    def __bool__(self) -> bool:
        return self.if_match is not None or self.if_none_match is not None

    def holds(self, tag: str | None) -> bool:
        """Whether it does for a thing with this tag; None is one that is not there."""
        if self.if_match is not None and not self.if_match.match(tag):
            return False
        return self.if_none_match is None or not self.if_none_match.match(tag, weakly=True)


ANYWAY = Precondition()


def tag(key: str, *facts: Any) -> str:
    """The tag of JSON values, quoted. Under a key: whoever may not see a payload learns nothing by guessing at it."""
    return f'"{hmac.new(key.encode(), canonical(facts), "sha256").hexdigest()[:_LENGTH]}"'


def parse(header: str | None) -> Tags | None:
    """A header's value; None where there is none. Raises :class:`MalformedTags`."""
    if header is None:
        return None
    text = header.strip(" \t")
    if text == "*":
        return Tags(everything=True)
    found, place = [], 0
    while place < len(text):
        if not (match := _TAG.match(text, place)):
            raise MalformedTags
        found.append((match[1] is not None, match[2]))
        place = match.end()
        if place < len(text):
            if not (gap := _GAP.match(text, place)):
                raise MalformedTags
            place = gap.end()
    if not found:
        raise MalformedTags
    return Tags(tuple(found))
