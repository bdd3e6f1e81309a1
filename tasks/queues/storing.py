"""Consumed messages as lines of JSON, in an artifact of their execution.

The artifact is begun with the first message, so nothing read leaves nothing behind. Its name is new in every attempt:
what an earlier one stored and acknowledged must not be written over.
"""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import ExitStack
from typing import Any, Literal, NoReturn, Self

from jobs.handlers import Context, Json
from tasks import foreign
from tasks.queues.contract import Incoming

Encoding = Literal["json", "text", "base64"]
#: Of the first messages, shown in the result.
HEAD_CHARS = 16 * 1024
CONTENT_TYPE = "application/x-ndjson"


class Store:
    """Where the messages of one attempt go. Leaving the block without an error keeps them for good."""

    def __init__(self, context: Context, encoding: Encoding) -> None:
        self._context = context
        self._encoding = encoding
        self._stack = ExitStack()
        self._file: Any = None
        self._head_left = HEAD_CHARS
        self.count = 0
        self.bytes = 0
        self.head: list[Json] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    def put(self, message: Incoming) -> None:
        """Write one message down."""
        if self._file is None:
            name = f"messages-{self._context.attempt}-{secrets.token_hex(3)}.ndjson"
            self._file = self._stack.enter_context(self._context.artifact(name, content_type=CONTENT_TYPE))
        shown = described(message, self._encoding)
        line = json.dumps(shown, allow_nan=False).encode() + b"\n"
        self._file.write(line)
        self.count += 1
        self.bytes += len(line)
        self._show(shown, len(line))

    def _show(self, shown: Json, length: int) -> None:
        """Keep it in the head while there is room, if a result can hold it."""
        self._head_left -= length
        if self._head_left < 0:
            self._head_left = 0
            return
        try:
            foreign.encoded(shown)
        except (TypeError, ValueError):
            shown = {"omitted": "see the artifact: a result cannot hold this message"}
        self.head.append(shown)

    @property
    def reference(self) -> Json:
        """Of the artifact, once the block has been left; None if there was no message."""
        return None if self._file is None else self._file.reference


def described(message: Incoming, encoding: Encoding) -> dict[str, Json]:
    """A message as JSON. ``encoding`` says how its body stands there: as asked, or else in the next form that holds it."""
    body, how = _decoded(message.body, encoding)
    found: dict[str, Json] = {"body": body, "encoding": how}
    if message.key is not None:
        found["key"] = message.key
    if message.headers:
        found["headers"] = dict(message.headers)
    return {**found, **message.place}


def _decoded(body: bytes | None, encoding: Encoding) -> tuple[Json, Encoding]:
    if body is None:
        return None, "json"
    if encoding == "json":
        try:
            return json.loads(body, parse_constant=_refuse), "json"
        except (ValueError, RecursionError):
            pass
    if encoding != "base64":
        try:
            return body.decode(), "text"
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), "base64"


def encoded(body: Json, encoding: Encoding) -> bytes | None:
    """The reverse; ValueError says why it cannot be done. A null is no body at all."""
    if body is None:
        return None
    if encoding == "json":
        return json.dumps(body, allow_nan=False).encode()
    if not isinstance(body, str):
        raise ValueError(f"a body that is {encoding} must be a string")
    return body.encode() if encoding == "text" else base64.b64decode(body, validate=True)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
