"""Reasons by the time in which a schedule was held, and an end after so many runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs import triggers
from jobs.rules import planning
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold, cut, reason_at
from jobs.rules.misfires import Misfire, MisfirePolicy

T0 = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = triggers.build("cron", {"expression": "0 * * * *"})
SECONDLY = triggers.build("interval", {"interval_seconds": 1, "start_at": T0 - HOUR})
BLACKOUT = Hold(T0 + 2 * HOUR, T0 + 4 * HOUR, Absence.BLACKOUT)


def _plan(misfire: Misfire, hours: int, *, rest: int | None = None, holds: tuple[Hold, ...] = ()) -> planning.Plan:
    now = T0 + hours * HOUR
    policy = MisfirePolicy(misfire=misfire)
    return planning.plan(HOURLY, after=T0, now=now, horizon=now, policy=policy, rest=rest, holds=holds)


def test_slots_of_a_hold_that_do_not_run_have_its_reason_and_others_theirs() -> None:
    plan = _plan(Misfire.SKIP, 6, holds=(BLACKOUT,))
    assert [(slot.at - T0, reason) for slot, reason in plan.skipped] == [
        (1 * HOUR, Absence.MISFIRE), (2 * HOUR, Absence.BLACKOUT), (3 * HOUR, Absence.BLACKOUT),
        (4 * HOUR, Absence.MISFIRE), (5 * HOUR, Absence.MISFIRE),
    ]  # fmt: skip


def test_more_slots_of_a_hold_than_are_made_are_counted_with_its_reason() -> None:
    now = T0 + 2 * HOUR
    hold = Hold(T0 + HOUR / 2, T0 + HOUR, Absence.BLACKOUT)
    policy = MisfirePolicy(misfire=Misfire.SKIP)
    plan = planning.plan(SECONDLY, after=T0, now=now, horizon=now, policy=policy, holds=[hold])
    counted = {(fold.reason, fold.count) for fold in plan.folded}
    assert (Absence.BLACKOUT, 1800) in counted
    assert sum(fold.count for fold in plan.folded) + len(plan.runs) == 7200


def test_pieces_cover_a_time_once_and_in_order() -> None:
    pieces = list(cut([BLACKOUT], T0, T0 + 6 * HOUR, Absence.MISFIRE))
    assert [low for low, _, _ in pieces[1:]] == [high for _, high, _ in pieces[:-1]]
    assert [reason for _, _, reason in pieces] == [Absence.MISFIRE, Absence.BLACKOUT, Absence.MISFIRE]
    assert reason_at([BLACKOUT], BLACKOUT.until, Absence.MISFIRE) is Absence.MISFIRE


@pytest.mark.parametrize(
    ("misfire", "rest", "runs", "skipped"),
    [
        (Misfire.ALL, 3, [1, 2, 3], []),
        (Misfire.ALL, 9, [1, 2, 3, 4, 5], []),
        (Misfire.LAST, 1, [5], [1, 2, 3, 4]),
        (Misfire.SKIP, 1, [5], [1, 2, 3, 4]),
        (Misfire.ALL, 0, [], []),
    ],
)
def test_with_the_last_of_its_runs_a_schedule_ends(
    misfire: Misfire, rest: int, runs: list[int], skipped: list[int]
) -> None:
    plan = _plan(misfire, 5, rest=rest)
    assert [(slot.at - T0) // HOUR for slot in plan.runs] == runs
    assert [(slot.at - T0) // HOUR for slot, _ in plan.skipped] == skipped
    assert (plan.next is None) == (len(runs) == rest)


def test_a_hold_that_lasts_holds_whatever_came_after_it_began() -> None:
    lasting = [Hold(T0, None, Absence.PAUSED_TENANT)]
    assert reason_at(lasting, T0 + timedelta(days=1), Absence.MISFIRE) is Absence.PAUSED_TENANT
    assert reason_at(lasting, T0 - timedelta(hours=1), Absence.MISFIRE) is Absence.MISFIRE
