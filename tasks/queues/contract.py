"""What the brokers have in common: a message that goes out, one that came in, and a session that moves them.

A session is a context manager. Leaving it closes every connection at once; what was read and not acknowledged
comes again to whoever reads next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure

#: Of one message. A broker that sends a longer one is not read on.
LONGEST_BODY = 8 * 1024 * 1024
#: Seconds of silence after which a session says that nothing came.
GLANCE_SECONDS = 0.5
#: Seconds to reach a server and to log in.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """``id`` is the same in every attempt, for whoever must tell a repeated message from a new one."""

    id: str
    body: bytes | None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    partition: int | None = None
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Incoming:
    """``place`` is where the broker had it: an offset in a partition, an id, a routing key."""

    body: bytes | None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read. Without a group nothing is acknowledged where the broker has groups."""

    most: int
    group: str | None = None
    partition: int | None = None
    newest: bool = False


class Session(Protocol):
    """With one broker, about one topic, queue or stream."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def publish(self, messages: Iterable[Outgoing]) -> Iterator[Mapping[str, Any]]:
        """Send all, as many at a time as the broker takes; yields each one's place once the broker has confirmed it."""

    def read(self, reading: Reading) -> Iterator[Incoming | None]:
        """Messages as they come, at most as many as wanted; None each time that nothing came for a moment."""

    def acknowledge(self) -> bool:
        """Say that all that was read is stored. False where there is nobody to say it to."""

    def depth(self, reading: Reading) -> Mapping[str, Any]:
        """How many messages there are."""

    def purge(self) -> int | None:
        """Delete all messages. How many there were, if the broker says so."""


class BrokerRefuses(HandlerError):
    """The broker does not do what was asked; perhaps later."""

    def __init__(self, message: str, *tags: str) -> None:
        super().__init__(message, tags={"broker", *tags})


def not_here(field_name: str, why: str) -> PermanentFailure:
    """A field of the payload that means nothing to this kind of broker."""
    return PermanentFailure(f"payload.{field_name}: {why}", code=Failure.PAYLOAD_INVALID)


def too_long(length: int) -> HandlerError:
    """For a message or an answer that is longer than anybody reads."""
    return HandlerError(
        f"the broker sends {length} bytes at once, and at most {LONGEST_BODY} are read: the message stays where it is",
        code=Failure.RESOURCE_LIMIT,
    )
