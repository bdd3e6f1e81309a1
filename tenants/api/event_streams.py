"""Server-Sent Events: answers that go on for as long as there is something to tell and somebody who reads.

    https://html.spec.whatwg.org/multipage/server-sent-events.html

Under an asynchronous server such an answer is sent after its request is over, so it holds no thread, no database
connection and no transaction: see :mod:`scheduler_project.asgi`. Under any other it says what is known at once and
ends; the client asks again, as the protocol has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol

import structlog
from django.http import StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

CONTENT_TYPE = "text/event-stream"
HEARTBEAT = b": heartbeat\n\n"
#: Seconds that one part may take to be taken from us; whoever takes longer does not read.
PATIENCE = 30.0

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where the parts come from."""

    def known(self) -> bytes:
        """What can be told at once."""

    def parts(self) -> AsyncIterator[bytes]:
        """What is known, and all that follows, until it is over."""

    def leave(self) -> Any:
        """Nobody reads on."""


def event(name: str, data: Any, *, id: str = "") -> bytes:
    """One event. JSON has no line breaks outside of its escapes."""
    identified = f"id: {id}\n" if id else ""
    return f"event: {name}\n{identified}data: ".encode() + JSONRenderer().render(data) + b"\n\n"


def retry(milliseconds: int) -> bytes:
    """When to ask again after the connection has ended."""
    return b"retry: %d\n\n" % milliseconds


class Late(StreamingHttpResponse):
    """An answer that is sent, or goes on, when its request is over."""


class EventStream(Late):
    """An answer of events."""

    def __init__(self, source: Source) -> None:
        # No proxy may keep parts back.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
        super().__init__(_at_once(source), content_type=CONTENT_TYPE, headers=headers)
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._source.parts():
            yield part


def _at_once(source: Source) -> Iterator[bytes]:
    yield source.known()
    source.leave()


class Outlet:
    """Where Django sends an answer to; notes a stream instead, to be sent when its request is over."""

    def __init__(self, send: Send) -> None:
        self.stream: Late | None = None
        self._send = send

    async def __call__(self, message: Any) -> None:
        await self._send(message)


async def serve(sending: Callable[[Send], Awaitable[None]], receive: Receive, send: Send) -> None:
    """Send a stream until it is over, its reader has gone, or does not read."""

    async def patiently(message: Any) -> None:
        await asyncio.wait_for(send(message), PATIENCE)

    tasks = [asyncio.ensure_future(sending(patiently)), asyncio.ensure_future(_gone(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        sent, _ = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(sent, TimeoutError):
        log.info("stream.dropped", reason="the client does not read")
        _abort(send)
    elif isinstance(sent, Exception):
        raise sent


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort(send: Send) -> None:
    """Close the connection without waiting for the client to take what lies there: it never may. Uvicorn's way."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
