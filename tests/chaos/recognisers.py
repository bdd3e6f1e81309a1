"""Which answer is passing: enough of two protocols to lose the ones that hurt."""

from __future__ import annotations

import re
import struct

_WRITES = re.compile(rb"UPDATE execution\b|INSERT INTO execution\b")
_SECRET_HANDSHAKE = {80877103, 80877104}  # SSL, GSS: answered with one byte, then the start follows


class Postgres:
    """Tells answers to COMMIT (``commit``) from those to statements that write executions (``write``).

    Client messages after the start are a type, a length, a body; statements are prepared under names.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._prepared: dict[bytes, bytes] = {}
        self._bound = b""
        self._asked: str | None = None

    def requested(self, data: bytes) -> None:
        self._rest += data
        while self._take():
            pass

    def answering(self, data: bytes) -> str | None:
        asked, self._asked = self._asked, None
        return asked

    def _take(self) -> bool:
        head = 1 if self._started else 0
        if len(self._rest) < head + 4:
            return False
        (length,) = struct.unpack_from("!i", self._rest, head)
        if len(self._rest) < head + length:
            return False
        kind, body = self._rest[:head], self._rest[head + 4 : head + length]
        self._rest = self._rest[head + length :]
        if not self._started:
            (code,) = struct.unpack_from("!i", body)
            self._started = code not in _SECRET_HANDSHAKE
        else:
            self._understand(kind, body)
        return True

    def _understand(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._ask(body)
        elif kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._prepared[name] = text
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self._bound = self._prepared.get(name, b"")
        elif kind == b"E":
            self._ask(self._bound)

    def _ask(self, text: bytes) -> None:
        if text.startswith(b"COMMIT"):
            self._asked = "commit"
        elif _WRITES.search(text):
            self._asked = "write"


class Redis:
    """Tells a delivered message (``message``) from other answers: it names our task."""

    def requested(self, data: bytes) -> None:
        """Requests do not matter: a message is what the server sends it in."""

    def answering(self, data: bytes) -> str | None:
        return "message" if b"tasks.run.execute" in data else None
