"""Takes secrets out of what an attempt writes: each place where one stands, in whatever form, becomes ``***``.

    Masker(["s3cr3t-token"]).text("key=s3cr3t-token")  ->  "key=***"

Places that overlap become one. A stream is masked as it comes: what may be the beginning of a secret is held
back until what follows decides, so where it is cut makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobs.rules.masked_forms import forms

MASK = "***"
#: Nothing that is kept of a longer text has fewer characters; at such a cut a secret's beginning is looked for too.
SHORTEST_CUT = 256
#: A shorter beginning says too little to be looked for.
SHORTEST_BEGINNING = 4

Span = tuple[int, int]


class Masker:
    """Of one attempt. Without secrets it gives everything back as it is."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms = sorted({form for secret in secrets for form in forms(secret)}, key=len)
        self._longest = len(self._forms[-1]) if self._forms else 0

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """The text without secrets. One that is long enough to have been cut loses the beginning of one at its end."""
        if not self._forms:
            return text
        found = spans(text, self._forms)
        if len(text) >= SHORTEST_CUT and (cut := _beginning(text, self._forms, SHORTEST_BEGINNING)) < len(text):
            found = _merged([*found, (cut, len(text))])
        return _replaced(text, found)

    def head(self, text: str, length: int) -> str:
        """What the first ``length`` characters are without secrets, also one that they hold only a part of."""
        if not self._forms or len(text) <= length:
            return self.text(text)[:length]
        begun = [span for span in spans(text[: length + self._longest], self._forms) if span[0] < length]
        end = max(length, begun[-1][1]) if begun else length
        return _replaced(text[:end], begun)[:length]

    def value(self, value: Any) -> Any:
        """JSON without secrets: in texts, in keys, and in numbers that are written like one."""
        if not self._forms or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._key(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        written = str(value)
        masked = self.text(written)
        return value if masked == written else masked

    def stream(self) -> Stream:
        """For output that comes in pieces; each stream needs its own."""
        return Stream([form.encode().decode("latin-1") for form in self._forms])

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key


#: Of an attempt without secrets.
NOTHING = Masker()


class Stream:
    """Takes pieces of bytes and gives them back without secrets, later by what may yet become one."""

    def __init__(self, forms: Sequence[str]) -> None:
        # One character a byte: found alike, whatever else the bytes are.
        self._forms = forms
        self._held = ""
        #: So much of what is held belongs to a place that is masked already.
        self._covered = 0

    def feed(self, data: bytes) -> bytes:
        """What can be said now."""
        if not self._forms:
            return data
        text = self._held + data.decode("latin-1")
        return self._told(text, _beginning(text, self._forms, 1))

    def close(self) -> bytes:
        """The rest, which has become no secret."""
        return self._told(self._held, len(self._held))

    def _told(self, text: str, end: int) -> bytes:
        found = spans(text, self._forms)
        if self._covered:
            found = _merged([(0, self._covered), *found])
        told, last = [], 0
        for start, stop in found:
            if start >= end:
                break
            told.append(text[last:start])
            if start or not self._covered:
                told.append(MASK)
            last = min(stop, end)
        told.append(text[last:end])
        over = [stop for start, stop in found if (start < end or (not start and self._covered)) and stop > end]
        self._held, self._covered = text[end:], over[0] - end if over else 0
        return "".join(told).encode("latin-1")


def spans(text: str, forms: Iterable[str]) -> list[Span]:
    """The places of all forms in a text, in order; those that overlap are one."""
    found = []
    for form in forms:
        start = text.find(form)
        while start >= 0:
            found.append((start, start + len(form)))
            start = text.find(form, start + 1)
    return _merged(found)


def _merged(found: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, found: Sequence[Span]) -> str:
    if not found:
        return text
    parts, last = [], 0
    for start, end in found:
        parts += [text[last:start], MASK]
        last = end
    return "".join([*parts, text[last:]])


def _beginning(text: str, forms: Iterable[str], shortest: int) -> int:
    """Where a form begins that the text ends in the midst of, with ``shortest`` of its characters at least; else its length."""
    first = len(text)
    for form in forms:
        head = form[:shortest]
        place = text.find(head, max(len(text) - len(form) + 1, 0), first + shortest)
        while 0 <= place < first:
            if form.startswith(text[place:]):
                first = place
                break
            place = text.find(head, place + 1, first + shortest)
    return first
