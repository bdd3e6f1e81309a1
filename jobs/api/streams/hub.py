"""The streams that are open in this process, and the one poller that reads for all of them."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import structlog
from django.db import Error

from jobs.api.streams import rounds
from tenants.api import event_streams

if TYPE_CHECKING:  # followers join by themselves
    from jobs.api.streams.follower import Follower

#: Seconds between two rounds, and when the former had more than fitted.
EVERY = 0.4
AT_ONCE = 0.02
#: Seconds between two looks at whether all who read still may.
ASK_AGAIN = 2.0
#: Milliseconds, from and to, within which the readers of a process that goes ask another.
ELSEWHERE = (100, 1000)

log = structlog.get_logger(__name__)


class Hub:
    """Used by the event loop alone."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._poller: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "carillon-streams")
        self._asked_at = 0.0

    def join(self, follower: Follower) -> None:
        """Read for it too."""
        loop = asyncio.get_running_loop()
        self._followers.add(follower)
        if self._poller is None or self._poller.done() or self._poller.get_loop() is not loop:
            self._poller = loop.create_task(self._poll())
            at_the_end(lambda: loop.call_soon_threadsafe(self.go_elsewhere))

    def leave(self, follower: Follower) -> None:
        """Its reader has gone, or it is over."""
        self._followers.discard(follower)

    def go_elsewhere(self) -> None:
        """This process ends: everybody asks another, not all at once."""
        for follower in [*self._followers]:
            follower.ends(event_streams.retry(random.randint(*ELSEWHERE)))  # noqa: S311 - spreads load, keeps no secret

    async def _poll(self) -> None:
        while self._followers:
            began = time.monotonic()
            more = await self._survive(self._round)
            took = time.monotonic() - began
            # On a machine that is slow the half of the time is left to others.
            await asyncio.sleep(AT_ONCE if more else max(EVERY - took, took))

    async def _survive(self, step: Callable[[], Any]) -> bool:
        """Run a step; while the database is away all streams wait, and beat."""
        try:
            return bool(await step())
        except Error as error:
            log.warning("streams.not_read", problem=str(error))
        except Exception:
            log.exception("streams.not_read")
        return False

    async def _round(self) -> bool:
        if time.monotonic() - self._asked_at > ASK_AGAIN:
            self._asked_at = time.monotonic()
            await self._dismiss([*self._followers])
        hungry = [follower for follower in self._followers if follower.is_hungry]
        if not hungry:
            return False
        found = await self._in_thread(rounds.look, [follower.asks() for follower in hungry])
        for follower, got in zip(hungry, found, strict=True):
            if got is not None:
                follower.takes(got)
        return any(got is not None and got.stamp is None and got.sent for got in found)

    async def _dismiss(self, followers: Sequence[Follower]) -> None:
        """End those whose readers may not go on."""
        refused = await self._in_thread(rounds.refusals, {follower.actor for follower in followers})
        for follower in followers:
            if follower.actor in refused:
                follower.ends(rounds.closed(refused[follower.actor]))

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def at_the_end(callback: Callable[[], Any]) -> None:
    """Call back when this process is told to end: the server waits for open answers, and streams have no end of their own."""
    if threading.current_thread() is not threading.main_thread():
        return
    former = signal.getsignal(signal.SIGTERM)
    if not callable(former):
        return  # no server's

    def handle(number: int, frame: Any) -> None:
        callback()
        former(number, frame)

    signal.signal(signal.SIGTERM, handle)


hub = Hub()
