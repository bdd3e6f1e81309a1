"""From a payload, or from the lines of an artifact, to the messages that go out."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.handlers import HandlerError, Json, PermanentFailure
from jobs.rules.codes import Failure
from tasks.queues.contract import LONGEST_BODY, Outgoing
from tasks.queues.storing import Encoding, encoded

Key = Annotated[str, Field(max_length=1024)]
HeaderName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
Headers = dict[HeaderName, Annotated[str, Field(max_length=8192)]]
Partition = Annotated[int, Field(ge=0, le=2**31 - 1)]
CONTENT_TYPES: Mapping[Encoding, str] = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "base64": "application/octet-stream",
}


class One(BaseModel):
    """One message of several, as it is in a payload and in the lines that a consumer leaves."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    body: Json = None
    key: Key | None = None
    headers: Headers = {}
    partition: Partition | None = None
    encoding: Encoding | None = Field(default=None, description="Of this one, if it differs from the others'.")


#: What a consumer adds to a line, of no meaning to whoever sends it again.
_OF_A_PLACE = {
    "offset", "partition", "id", "timestamp", "exchange", "routing_key", "redelivered", "message_id", "omitted"
}  # fmt: skip


def outgoing(one: One, identity: str, encoding: Encoding, number: int) -> Outgoing:
    """A message ready to go; what cannot be is told by its number."""
    how = one.encoding or encoding
    try:
        body = encoded(one.body, how)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _wrong(number, str(error)) from None
    if body is not None and len(body) > LONGEST_BODY:
        raise PermanentFailure(
            f"message {number} has {len(body)} bytes, and at most {LONGEST_BODY} are sent", code=Failure.RESOURCE_LIMIT
        )
    return Outgoing(f"{identity}:{number}", body, one.key, one.headers, one.partition, CONTENT_TYPES[how])


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Of an artifact, without their ends; empty ones are passed over."""
    while line := file.readline(2 * LONGEST_BODY):
        if not line.endswith(b"\n") and len(line) >= 2 * LONGEST_BODY:
            raise HandlerError("a line of the artifact is longer than any message", code=Failure.RESOURCE_LIMIT)
        if stripped := line.rstrip(b"\r\n"):
            yield stripped


def of_body(line: bytes, encoding: Encoding, template: One, number: int) -> One:
    """A line that is one message's body; the rest is the same for all."""
    try:
        body = json.loads(line) if encoding == "json" else line.decode()
    except (ValueError, RecursionError) as error:
        raise _wrong(number, str(error)) from None
    return template.model_copy(update={"body": body})


def of_message(line: bytes, number: int) -> One:
    """A line that a consumer has left, or one written like it."""
    try:
        found: Any = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("a JSON object was expected")  # noqa: TRY301, TRY004 - told like all that is wrong with it
        kept = {name: value for name, value in found.items() if name not in _OF_A_PLACE}
        return One.model_validate(kept)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _wrong(number, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise _wrong(number, str(error)) from None


def _wrong(number: int, why: str) -> PermanentFailure:
    return PermanentFailure(f"message {number} cannot be sent: {why}", code=Failure.PAYLOAD_INVALID)
