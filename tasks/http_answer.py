"""What is kept of an HTTP answer: a bounded, JSON-able piece of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import httpx2

from jobs.handlers import Json
from tasks import foreign

#: Reading stops here, unless it is told otherwise: the rest of a larger answer stays on the wire.
READ_BYTES = 1024 * 1024
#: What a result holds of the body.
KEPT_BYTES = 16 * 1024
#: Escapes make a text longer than its bytes were, and a result may have 64 KiB when encoded.
ENCODED_CHARS = 48 * 1024
KEPT_HEADERS = (
    "content-type",
    "content-encoding",
    "date",
    "etag",
    "last-modified",
    "location",
    "retry-after",
    "x-request-id",
)


@dataclass(frozen=True)
class Answer:
    """An answer as far as it was read."""

    status: int
    headers: Mapping[str, str]
    #: The beginning of the body, as much of it as was to be kept in memory.
    head: bytes
    #: Bytes of the body that were read, at most a chunk more than were allowed.
    size: int
    charset: str | None
    #: Whether the body goes on where reading stopped.
    is_cut: bool = False

    @property
    def line(self) -> str:
        """Status and its standard phrase; the server's own words could say anything."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def is_whole(self) -> bool:
        """Whether all of the body is in memory, as it was meant."""
        return self.size == len(self.head) and not self.is_cut and not self._is_packed

    def text(self) -> str:
        """The body as text, as far as it is in memory."""
        return "" if self._is_packed else foreign.text(self.head, self.charset or "utf-8")

    def json(self) -> Json:
        """The body as JSON, whatever its content type says; ValueError says why it is none."""
        if not self.is_whole:
            raise ValueError("it is compressed, or longer than what is looked at")
        return foreign.parsed(self.head)

    def result(
        self, *, timings: Mapping[str, float], room: int = ENCODED_CHARS, with_body: bool = True
    ) -> dict[str, Any]:
        """What a result holds of it; ``room`` is for the body's characters, ``timings`` are seconds."""
        body, truncated = self._body(room) if with_body else (None, self.is_cut)
        return {
            "status": self.status,
            "headers": {name: self.headers[name][:1024] for name in KEPT_HEADERS if name in self.headers},
            "body": body,
            "truncated": truncated,
            "bytes": self.size,
            "timings": {f"{name}_ms": round(seconds * 1000, 1) for name, seconds in timings.items()},
        }

    @property
    def _is_packed(self) -> bool:
        """Compressed although we asked for plain: unpacking could fill the memory."""
        return self.headers.get("content-encoding", "identity") != "identity"

    def _body(self, room: int) -> tuple[Json, bool]:
        """The body as JSON if it is that and whole, else as text, and whether a part is missing."""
        if self._is_packed:
            return None, self.size > 0
        whole = self.is_whole and self.size <= KEPT_BYTES
        if whole and "json" in self.headers.get("content-type", ""):
            with contextlib.suppress(ValueError):  # kept as text then
                found = foreign.value(self.head)
                if len(json.dumps(found)) <= room:
                    return found, False
        text = foreign.text(self.head[:KEPT_BYTES], self.charset or "utf-8")
        kept = _fitting(text, room)
        return kept, not whole or len(kept) < len(text)


class Sink(Protocol):
    """Takes a body as it comes."""

    def write(self, data: bytes, /) -> object: ...


def read(
    response: httpx2.Response, *, most: int = READ_BYTES, keep: int = KEPT_BYTES, into: Sink | None = None
) -> Answer:
    """Read ``most`` bytes of the body, keep the first ``keep`` of them in memory and hand all of them to ``into``."""
    head, size = bytearray(), 0
    for chunk in response.iter_raw():
        if into is not None:
            into.write(chunk[: most - size])
        head += chunk[: max(keep - len(head), 0)]
        size += len(chunk)
        if size > most:
            break
    return Answer(response.status_code, response.headers, bytes(head), size, response.charset_encoding, size > most)


def _fitting(text: str, room: int) -> str:
    """The longest halving of the text that stays within the room."""
    while len(json.dumps(text)) > max(room, 2):
        text = text[: len(text) // 2]
    return text
