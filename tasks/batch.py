"""A message's members, claimed together and run one after the other in one process.

    claim ─► turn, turn, turn … ─► what succeeded is stored together, at most a tenth of a second later

A member that takes longer than a second keeps nobody waiting: the attendant, which looks on meanwhile,
stores what has ended and gives back those whose turn has not come. They run elsewhere, uncharged. A
message of one member is a batch of one, and stores its success at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog
from django.db import DatabaseError

from jobs.engine import dispatch, transitions
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim, Ending, Fence
from tasks import worker_process
from tasks.patience import patiently
from tasks.settling import Settling

#: Seconds for which a success may wait for company.
FLUSH_AFTER = 0.1
#: Seconds after which a member holds up the others no longer.
LONGEST_TURN = 1.0

log = structlog.get_logger(__name__)


class Batch:
    """Used by the thread that runs the members, and by the attendant."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(claims)
        self._alone = len(claims) < 2
        self._claimed_at = self._turn_began = self._stored_at = boot_time()
        self._ended: list[tuple[Settling, Ending]] = []

    def turns(self) -> Iterator[tuple[Claim, Fence]]:
        """Each member when its turn comes."""
        while (claim := self._next()) is not None:
            waited = 0.0 if self._alone else self._turn_began - self._claimed_at
            yield claim, Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch, waited=waited)
            self.look()

    def _next(self) -> Claim | None:
        with self._lock:
            if not self._waiting:
                return None
            self._turn_began = boot_time()
            return self._waiting.popleft()

    def keep(self, settling: Settling, ending: Ending) -> None:
        """A success, to be stored soon."""
        if self._alone:
            settling.store(ending)
            return
        with self._lock:
            self._ended.append((settling, replace(ending, took=boot_time() - self._turn_began)))

    def look(self, patience: float = 0.0) -> None:
        """Store and give back what is due for it. Called between turns, and by the attendant during one."""
        now = boot_time()
        drain_at = worker_process.drain_at()
        if now - self._turn_began > LONGEST_TURN or (drain_at is not None and now >= drain_at):
            self._give_back(patience)
        if now - self._stored_at > FLUSH_AFTER:
            self._store(patience)

    def close(self, patience: float = float("inf")) -> None:
        """Store everything and give back the rest: nothing more will run here."""
        try:
            self._give_back(patience)
        finally:
            self._store(patience)

    def _give_back(self, patience: float) -> None:
        with self._lock:
            rest = list(self._waiting)
            self._waiting.clear()
        if not rest:
            return
        fences = [Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch) for claim in rest]
        given_back = None
        try:
            given_back = patiently(lambda: transitions.release_all(fences), until=boot_time() + patience)
        finally:
            if given_back is None:
                with self._lock:
                    self._waiting.extendleft(reversed(rest))
        if given_back is None:
            return
        log.info("batch.given_back", executions=len(rest))
        dispatch.ring()

    def _store(self, patience: float) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
            self._stored_at = boot_time()
        if not ended:
            return
        try:
            stored = patiently(
                lambda: transitions.succeed_all([ending for _, ending in ended]), until=boot_time() + patience
            )
        except DatabaseError:
            # One of them is refused for what it holds: each by itself, then.
            for settling, ending in ended:
                settling.store(ending)
            return
        if stored is None:
            with self._lock:
                self._ended[:0] = ended
            return
        for settling, ending in ended:
            settling.stored("execution.succeeded", stored.get(ending.fence.id))
