"""One open stream: how much it has told, and what lies ready for its reader."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace

from jobs.api.streams import rounds
from jobs.api.streams.hub import hub
from jobs.api.streams.rounds import Asked, Got
from jobs.api.streams.seats import seats
from tenants.api import event_streams
from tenants.requests import Actor

#: Milliseconds after which a client whose connection broke asks again.
RETRY = 1000
#: Seconds without news after which a comment shows both ends that the other is there.
QUIET = 5.0


class Follower:
    """Begins in the request's thread and transaction; afterwards it is the event loop's alone.

    What it holds is bounded: nothing is read for it while its reader has not taken what was read before.
    """

    def __init__(self, asked: Asked) -> None:
        # Given back also if nobody ever reads it.
        self.leave = weakref.finalize(self, seats.give_back, seats.take(asked.actor, asked.tenant_id))
        (got,) = rounds.read([asked])
        self._asked = asked
        self._ready = asyncio.Event()
        self._parts = event_streams.retry(RETRY)
        self._is_over = False
        self._take(got)

    @property
    def actor(self) -> Actor:
        """Who reads."""
        return self._asked.actor

    @property
    def is_hungry(self) -> bool:
        """Whether its reader has taken all that was read."""
        return not self._parts and not self._is_over

    def known(self) -> bytes:
        """What is known already."""
        return self._parts

    def asks(self) -> Asked:
        """What it wants to know next."""
        return self._asked

    def takes(self, got: Got) -> None:
        """News."""
        if not self._is_over:
            self._take(got)

    def ends(self, last: bytes = b"") -> None:
        """It is over, whatever else there is to tell."""
        if not self._is_over:
            self._parts += last
            self._is_over = True
            self._ready.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """Everything, until it is over; a heartbeat now and then."""
        hub.join(self)
        try:
            while self._parts or not self._is_over:
                yield await self._next()
        finally:
            hub.leave(self)
            self.leave()

    def _take(self, got: Got) -> None:
        self._asked = replace(self._asked, wish=replace(self._asked.wish, place=got.place), stamp=got.stamp)
        self._parts += got.sent
        self._is_over = got.is_over
        if self._parts or self._is_over:
            self._ready.set()

    async def _next(self) -> bytes:
        try:
            await asyncio.wait_for(self._ready.wait(), QUIET)
        except TimeoutError:
            return event_streams.HEARTBEAT
        self._ready.clear()
        parts, self._parts = self._parts, b""
        return parts
