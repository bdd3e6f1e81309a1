"""Claims that wait: when their request is over they hold neither a thread nor a connection, and one poller asks for all.

request ─► nothing to claim ─► Poll ─► every quarter of a second one statement for all that wait
                                         └─► something for this one: claimed in a transaction of its own ─► answered
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import Error, connection, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from jobs import sql
from jobs.api.streams.hub import at_the_end
from jobs.api.streams.seats import Seats
from jobs.models import Executor
from tasks.executors import claiming
from tasks.executors.claiming import Claimed
from tasks.executors.shapes import claims_shape
from tenants import context, continuing, errors, requests
from tenants.api.event_streams import Late
from tenants.requests import Actor

EVERY = 0.25
#: Seconds after which a space, which JSON allows for, shows both ends that the other is there.
QUIET = 5.0
CONTENT_TYPE = "application/json"

seats = Seats("waiting claims")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody waits for."""

    actor: Actor
    executor: Executor
    lease: UUID
    most: int


class Poll:
    """One claim that waits. It is made in its request's thread; afterwards it is the event loop's alone."""

    def __init__(self, wish: Wish, seconds: float) -> None:
        # Given back also if nobody ever reads it.
        self.leave = weakref.finalize(self, seats.give_back, seats.take(wish.actor, wish.executor.tenant_id))
        self.wish = wish
        self.until = time.monotonic() + seconds
        self._ready = asyncio.Event()
        self._found: list[Claimed] = []
        self._has_gone = False

    def ends(self, found: Sequence[Claimed] = ()) -> None:
        """With what there is for it, or with nothing."""
        self._found = [*found]
        self._ready.set()
        if self._has_gone:
            self._give_back()

    async def parts(self) -> AsyncIterator[bytes]:
        """Spaces while it waits, then the answer. What was claimed for somebody who has gone is given back."""
        desk.join(self)
        taken = False
        try:
            while not self._ready.is_set() and (left := self.until - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(self._ready.wait(), min(QUIET, left))
                except TimeoutError:
                    yield b" "
            desk.leave(self)
            await desk.settled()
            yield JSONRenderer().render(claims_shape(self._found))
            taken = True
        finally:
            desk.leave(self)
            self.leave()
            self._has_gone = not taken
            if self._has_gone:
                self._give_back()

    def _give_back(self) -> None:
        if self._found:
            desk.give_back(self.wish, self._found)


class Desk:
    """The claims that wait in this process. Used by the event loop alone, but for its one thread."""

    def __init__(self) -> None:
        self._polls: dict[Poll, None] = {}
        self._poller: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "carillon-claims")
        self._round: asyncio.Future[Any] | None = None

    def join(self, poll: Poll) -> None:
        """Look for it too, after those that wait longer."""
        loop = asyncio.get_running_loop()
        self._polls[poll] = None
        if self._poller is None or self._poller.done() or self._poller.get_loop() is not loop:
            self._poller = loop.create_task(self._poll())
            at_the_end(lambda: loop.call_soon_threadsafe(self.close))

    def leave(self, poll: Poll) -> None:
        """It is over."""
        self._polls.pop(poll, None)

    def close(self) -> None:
        """This process ends: everybody asks another."""
        for poll in [*self._polls]:
            self._tell(poll, ())

    async def settled(self) -> None:
        """Wait for the round in progress: it may be claiming for who has just stopped waiting."""
        if self._round is not None and not self._round.done():
            await asyncio.wait([self._round])

    def give_back(self, wish: Wish, found: Sequence[Claimed]) -> None:
        """Nobody took the answer."""
        self._thread.submit(_give_back, wish, found)

    async def _poll(self) -> None:
        while self._polls:
            polls = [*self._polls]
            loop = asyncio.get_running_loop()
            self._round = loop.run_in_executor(self._thread, look, [poll.wish for poll in polls])
            for poll, found in zip(polls, await self._round, strict=True):
                if found is not None:
                    self._tell(poll, found)
            await asyncio.sleep(EVERY)

    def _tell(self, poll: Poll, found: Sequence[Claimed]) -> None:
        poll.ends(found)
        self.leave(poll)


def look(wishes: Sequence[Wish]) -> list[Sequence[Claimed] | None]:
    """What each gets, in their order; None for those that go on waiting. While the database is away all do."""
    found: list[Sequence[Claimed] | None] = [None] * len(wishes)
    try:
        for number in _with_something(wishes):
            found[number] = _tried(wishes[number])
    except Error as error:
        log.warning("claims.not_read", problem=str(error))
    except Exception:
        log.exception("claims.not_read")
    finally:
        connection.close()
    return found


def _with_something(wishes: Sequence[Wish]) -> Iterator[int]:
    with context.within(context.PLATFORM), transaction.atomic():
        ids = {row.id for row in sql.run("have_something", ids=list({wish.executor.pk for wish in wishes}))}
    return (number for number, wish in enumerate(wishes) if wish.executor.pk in ids)


def _tried(wish: Wish) -> Sequence[Claimed] | None:
    """What goes wrong with one is no other's: it is answered with nothing, and asks anew."""
    try:
        return _claimed(wish)
    except Error:
        raise
    except Exception:
        log.exception("claims.not_made", executor=str(wish.executor.pk))
        return ()


def _claimed(wish: Wish) -> Sequence[Claimed] | None:
    """Empty for one that may not wait any longer."""
    if continuing.refusals({wish.actor}, timezone.now()):
        return ()
    try:
        with _as(wish):
            return claiming.take(wish.executor, wish.lease, wish.most) or None
    except errors.ServiceError:
        return ()


def _give_back(wish: Wish, found: Sequence[Claimed]) -> None:
    try:
        with _as(wish):
            claiming.give_back(list(found))
    except Exception:
        # They are given back by its next heartbeat, or when its lease is over.
        log.exception("claims.not_given_back")
    finally:
        connection.close()


@contextmanager
def _as(wish: Wish) -> Iterator[None]:
    """A transaction of the tenant's, in the name of who asked."""
    scope = context.Scope(tenant_id=wish.executor.tenant_id)
    with requests.continued(wish.actor, request_id="", reason=""), context.within(scope), transaction.atomic():
        yield


class Awaited(Late):
    """The answer of a claim that waits. Under a server that is not asynchronous it says at once that there is nothing."""

    def __init__(self, poll: Poll) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
        super().__init__(_at_once(poll), content_type=CONTENT_TYPE, headers=headers)
        self._poll = poll

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._poll.parts():
            yield part


def _at_once(poll: Poll) -> Iterator[bytes]:
    yield JSONRenderer().render(claims_shape([]))
    poll.leave()


desk = Desk()
