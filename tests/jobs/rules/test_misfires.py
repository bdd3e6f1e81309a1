"""Which missed slots run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.rules import misfires
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.slots import Slot, SlotKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MISSED = Absence.MISFIRE
EXPIRED = Absence.CATCHUP_EXPIRED


def slot(hours_ago: float, kind: SlotKind = SlotKind.RUN) -> Slot:
    at = NOW - timedelta(hours=hours_ago)
    return Slot(at, at.isoformat(), kind)


def verdicts(policy: MisfirePolicy, *newest_first: Slot, newer_is_due: bool = False) -> list[Absence | None]:
    return [reason for _, reason in misfires.judge(newest_first, policy, now=NOW, newer_is_due=newer_is_due)]


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        (Misfire.SKIP, [MISSED, MISSED, MISSED, EXPIRED]),
        (Misfire.LAST, [None, MISSED, MISSED, EXPIRED]),
        (Misfire.AT_MOST, [None, None, MISSED, EXPIRED]),
        (Misfire.ALL, [None, None, None, EXPIRED]),
    ],
)
def test_the_policy_says_which_missed_slots_inside_the_window_run(
    misfire: Misfire, expected: list[Absence | None]
) -> None:
    policy = MisfirePolicy(misfire=misfire, misfire_max=2, catch_up_window=timedelta(hours=3))
    assert verdicts(policy, slot(1), slot(2), slot(3), slot(4)) == expected


def test_last_runs_no_missed_slot_when_a_newer_one_is_due() -> None:
    assert verdicts(MisfirePolicy(), slot(1), slot(2), newer_is_due=True) == [MISSED, MISSED]


@pytest.mark.parametrize("misfire", [Misfire.ALL, Misfire.AT_MOST])
def test_other_policies_do_not_mind_a_newer_one(misfire: Misfire) -> None:
    assert verdicts(MisfirePolicy(misfire=misfire), slot(1), newer_is_due=True) == [None]


def test_clock_change_slots_keep_their_reason_and_use_up_nothing() -> None:
    slots = [slot(1, SlotKind.DST_FOLD), slot(2), slot(30, SlotKind.DST_GAP), slot(31)]
    assert verdicts(MisfirePolicy(), *slots) == [Absence.DST_FOLD, None, Absence.DST_GAP, EXPIRED]


def test_the_edge_of_the_catch_up_window_is_inside() -> None:
    policy = MisfirePolicy(misfire=Misfire.ALL, catch_up_window=timedelta(hours=3))
    edge = slot(3)
    assert verdicts(policy, edge, Slot(edge.at - timedelta(microseconds=1), "")) == [None, EXPIRED]


def test_a_slot_that_is_left_out_says_what_held_it_and_the_first_hold_counts() -> None:
    holds = [
        Hold(NOW - timedelta(hours=5), NOW - timedelta(hours=3), Absence.PAUSED_JOB),
        Hold(NOW - timedelta(hours=4), NOW - timedelta(hours=1), Absence.PAUSED_SCHEDULE),
    ]
    judged = misfires.judge(
        [slot(1), slot(2), slot(3), slot(3.5), slot(5), slot(6), slot(25)],
        MisfirePolicy(misfire=Misfire.SKIP), now=NOW, newer_is_due=False, holds=holds,
    )  # fmt: skip
    assert [reason for _, reason in judged] == [
        MISSED, Absence.PAUSED_SCHEDULE, Absence.PAUSED_SCHEDULE, Absence.PAUSED_JOB, Absence.PAUSED_JOB, MISSED, EXPIRED,
    ]  # fmt: skip
