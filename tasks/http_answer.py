"""What is kept of an HTTP answer: a bounded, JSON-able piece of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx2

from jobs.handlers import Json
from tasks import foreign

#: Reading stops here: the rest of a larger answer stays on the wire.
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
    #: The first KEPT_BYTES of the body.
    head: bytes
    #: Bytes of the body that were read, at most a chunk more than READ_BYTES.
    size: int
    charset: str | None

    @property
    def line(self) -> str:
        """Status and its standard phrase; the server's own words could say anything."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    def result(self, *, connect_seconds: float | None, total_seconds: float) -> Json:
        body, truncated = self._body()
        timings = {"total_ms": round(total_seconds * 1000, 1)}
        if connect_seconds is not None:
            timings["connect_ms"] = round(connect_seconds * 1000, 1)
        return {
            "status": self.status,
            "headers": {name: self.headers[name][:1024] for name in KEPT_HEADERS if name in self.headers},
            "body": body,
            "truncated": truncated,
            "bytes": self.size,
            "timings": timings,
        }

    def _body(self) -> tuple[Json, bool]:
        """The body as JSON if it is that and whole, else as text, and whether a part is missing."""
        if self.headers.get("content-encoding", "identity") != "identity":
            return None, self.size > 0  # compressed although we asked for plain: unpacking could fill the memory
        whole = self.size == len(self.head)
        if whole and "json" in self.headers.get("content-type", ""):
            with contextlib.suppress(ValueError):  # kept as text then
                return foreign.value(self.head), False
        text = foreign.text(self.head, self.charset or "utf-8")
        kept = _fitting(text)
        return kept, not whole or len(kept) < len(text)


def read(response: httpx2.Response) -> Answer:
    """Read the body, at most a chunk more than READ_BYTES of it."""
    head, size = b"", 0
    for chunk in response.iter_raw():
        head += chunk[: KEPT_BYTES - len(head)]
        size += len(chunk)
        if size > READ_BYTES:
            break
    return Answer(response.status_code, response.headers, head, size, response.charset_encoding)


def _fitting(text: str) -> str:
    """The longest halving of the text that stays within ENCODED_CHARS."""
    while len(json.dumps(text)) > ENCODED_CHARS:
        text = text[: len(text) // 2]
    return text
