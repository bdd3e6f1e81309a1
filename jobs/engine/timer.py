"""The engine's clock: one resident thread that acts at the instants that matter.

    wait until the next instant, or a ring ─► admit, publish ─► move workflow runs ─► plan ─► read the next instants ─► …

Rings come from beat each second and from whoever made something due; they are coalesced over 20 ms.
Without any the thread looks once a second by itself, so dispatch goes on while beat, Redis or both are
away. Several engines may run: planning skips what another has locked, admission is one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from django.db import Error, connection

from jobs import sql
from jobs.engine import admission, gates, maintenance, planner, spreads, suspensions, workflows
from jobs.engine.ringing import RungThread

COALESCE = 0.02
#: Longest wait without looking; also how late at most a lost ring is made good.
IDLE = 1.0
#: Between two looks for what is published and held meanwhile.
WITHDRAW_EVERY = 0.25
#: Another engine is admitting: what was rung for may have come after its snapshot.
BUSY = 0.01

log = structlog.get_logger(__name__)


class Timer(RungThread):
    """Admits, publishes, moves workflow runs, resumes what is suspended and plans."""

    def __init__(self) -> None:
        super().__init__("carillon-timer")
        self._seen = admission.Seen()
        self._gates = gates.Heard()
        self._may_resume = True
        self._withdrawn = 0.0

    def run(self) -> None:
        last = 0.0
        delay = 0.0
        while not self._stopping:
            self._rung.wait(max(delay, 0.0))
            if (rest := last + COALESCE - monotonic()) > 0 and delay > 0:
                threading.Event().wait(min(rest, delay))
            self._rung.clear()
            last = monotonic()
            delay = self._safe_round()
        connection.close()

    def _safe_round(self) -> float:
        try:
            return self.round()
        except Error as error:
            # The database is away or refused: the next round starts on a fresh connection.
            log.warning("engine.round_failed", problem=str(error))
        except Exception:
            # Whatever it is, a process whose clock has stopped would be the worse answer.
            log.exception("engine.round_failed")
        connection.close()
        return IDLE

    def round(self) -> float:
        """Admit and publish, then move workflow runs and plan; returns the seconds until the next round is due.

        What is due goes first: planning looks seconds ahead, and what it finds overdue is admitted by
        the round that follows at once. So does what it leaves, if there is much. What ripened may be a run's root, or be
        skipped, so runs are moved next; what they let go is admitted by the round that follows at once, too.
        """
        done = admission.admit_all(self._seen)
        let_go = _apart(workflows.move_on)
        if self._may_resume:
            let_go |= _apart(suspensions.resume_due)
        _apart(lambda: gates.round_of(self._gates))
        planner.plan_due(most=planner.ROWS)
        if monotonic() - self._withdrawn > WITHDRAW_EVERY:
            admission.withdraw_held()
            admission.expire_late()
            spreads.postpone_late()
            self._withdrawn = monotonic()
        sql.run("pulse", name="dispatch")
        if not done.held:
            return BUSY
        instants = sql.run("next_instants")[0]
        self._gates.waits = instants.decides_at is not None
        self._may_resume = instants.resumes_at is not None
        if _until(instants.reopens_at, instants) <= 0:
            maintenance.roll()
            return 0
        if let_go:
            return 0
        delay = min(
            IDLE,
            _until(instants.shuts_at, instants),
            _until(instants.reopens_at, instants),
            _until(instants.ripens_at, instants),
            _until(instants.plans_at, instants) - planner.AHEAD.total_seconds(),
            max(_until(instants.eases_at, instants), COALESCE),
            max(_until(instants.begins_at, instants), BUSY),
            max(_until(instants.decides_at, instants), COALESCE),
            max(_until(instants.resumes_at, instants), BUSY),
        )
        if instants.backlog and done.drains_in is not None:
            delay = min(delay, done.drains_in)
        return delay


def _apart(part: Callable[[], Any]) -> bool:
    """Whether it says that something is left to do. What it meets must not keep anything from being planned."""
    try:
        return bool(part())
    except Error as error:
        log.warning("engine.part_failed", problem=str(error))
        connection.close()
        return False


def _until(instant: datetime | None, instants: Any) -> float:
    return float("inf") if instant is None else float((instant - instants.now).total_seconds())
