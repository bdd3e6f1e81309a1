"""Live events of one execution: a stream that connects again by itself and goes on after the last event."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from carillon_client import errors
from carillon_client.transport import Transport, pause

#: Seconds without a sign after which a connection is taken for broken; the server beats every 5.
QUIET = 20.0


@dataclass(frozen=True, slots=True)
class Event:
    """``state`` (a change of state, with its facts), ``log`` (a line) or ``end`` (with the execution as it ended)."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass(slots=True)
class _Position:
    """What a reader has to know to ask again."""

    last_id: str = ""
    retry: float = 1.0
    tries: int = 0


def follow(
    transport: Transport,
    path: str,
    *,
    after: str = "",
    states_only: bool = False,
    until: float | None = None,
    insist: bool = True,
) -> Iterator[Event]:
    """Every event once, to the last, over as many connections as it takes.

    ``until`` (of the monotonic clock) bounds it, to within a heartbeat of the server's; then :class:`errors.TimedOut` is
    raised. What the server refuses is raised; that it has no room for a stream just now, unless one is to ``insist``.
    """
    position = _Position(last_id=after)
    while True:
        try:
            yield from _once(transport, path, position, states_only, until)
        except (httpx2.TransportError, errors.RateLimited, errors.Unavailable) as error:
            if not insist and isinstance(error, errors.CarillonError):
                raise
            _wait(transport, position, getattr(error, "retry_after", None), until)
        except _Finished:
            return
        else:
            _wait(transport, position, None, until)


class _Finished(Exception):
    """The last event has been told."""


def _once(
    transport: Transport, path: str, position: _Position, states_only: bool, until: float | None
) -> Iterator[Event]:
    query = {"states_only": True if states_only else None}
    with transport.opened(path, query=query, last_id=position.last_id, quiet=_quiet(until)) as response:
        if response.status_code == 204:
            raise _Finished
        for event in read(response.iter_lines(), position):
            if until is not None and time.monotonic() > until:
                raise errors.TimedOut("the stream went on for longer than was to be waited")
            if event is None or event.name == "closed":
                continue  # a sign of life, or why the next try will be refused
            position.last_id, position.tries = event.id, 0
            yield event
            if event.name == "end":
                raise _Finished


def _quiet(until: float | None) -> float:
    left = QUIET if until is None else until - time.monotonic()
    return QUIET if left >= QUIET else max(min(left, 1.0), 0.05)


def _wait(transport: Transport, position: _Position, retry_after: float | None, until: float | None) -> None:
    position.tries += 1
    seconds = position.retry if position.tries == 1 and retry_after is None else pause(position.tries, retry_after)
    if until is not None and time.monotonic() + seconds > until:
        raise errors.TimedOut("nothing more came in time")
    transport.sleep(seconds)


def read(lines: Iterable[str], position: _Position) -> Iterator[Event | None]:
    """Events of a stream's lines, as the HTML standard says; None for a comment. Half of one at the end is dropped."""
    name, identifier = "message", ""
    data: list[str] = []
    for line in lines:
        kind, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                yield Event(name, identifier, json.loads("\n".join(data)))
            name, identifier, data = "message", "", []
        elif kind == "":
            yield None
        elif kind == "data":
            data.append(value)
        elif kind == "event":
            name = value
        elif kind == "id":
            identifier = value
        elif kind == "retry" and value.isdigit():
            position.retry = int(value) / 1000
