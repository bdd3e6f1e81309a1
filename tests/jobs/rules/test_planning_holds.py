"""What a hold leaves behind: every slot once, for the reason of the hold it fell into, however many they are."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from jobs import triggers
from jobs.rules import planning
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.misfires import Misfire, MisfirePolicy

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
#: Paused from ten to four hours ago, and its job from three to two hours ago.
HOLDS = [
    Hold(NOW - 10 * HOUR, NOW - 4 * HOUR, Absence.PAUSED_SCHEDULE),
    Hold(NOW - 3 * HOUR, NOW - 2 * HOUR, Absence.PAUSED_JOB),
]


def accounted(every: int, **policy: object) -> tuple[Counter[str], int]:
    """How many slots say what, and how many run, of a schedule by ``every`` seconds that was last planned 20 h ago."""
    trigger = triggers.build("interval", {"interval_seconds": every, "start_at": NOW - 20 * HOUR})
    plan = planning.plan(
        trigger,
        after=NOW - 20 * HOUR,
        now=NOW,
        horizon=NOW,
        policy=MisfirePolicy(**policy),
        holds=HOLDS,  # type: ignore[arg-type]
    )
    told: Counter[str] = Counter()
    for _, reason in plan.skipped:
        told[reason] += 1
    for fold in plan.folded:
        told[fold.reason] += fold.count
    return told, len(plan.runs)


@pytest.mark.parametrize("every", [5, 60, 1800])
def test_slots_left_out_are_told_by_the_hold_they_fell_into(every: int) -> None:
    told, runs = accounted(every, misfire=Misfire.SKIP)
    an_hour, grace = 3600 // every, 60 // every + 1 if every <= 60 else 1
    assert told[Absence.PAUSED_SCHEDULE] == 6 * an_hour
    assert told[Absence.PAUSED_JOB] == an_hour
    assert told.total() + runs == 20 * an_hour
    assert runs == grace


def test_what_runs_is_not_told_and_what_is_too_old_stays_expired() -> None:
    told, runs = accounted(600, misfire=Misfire.ALL, catch_up_window=5 * HOUR)
    assert told == {Absence.CATCHUP_EXPIRED: 15 * 6 - 1}
    assert runs + told.total() == 20 * 6
    told, runs = accounted(600, misfire=Misfire.AT_MOST, misfire_max=15)
    # The newest fifteen reach into the hold of the job, and two hours of nothing at all.
    assert told[Absence.PAUSED_JOB] == 6 - 3
    assert told[Absence.PAUSED_SCHEDULE] == 36
    assert told.total() + runs == 120
