"""Whatever the schedule, the delay and the policy: every slot is accounted for exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules import planning
from jobs.rules.codes import Absence
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.planning import Folded, Plan
from jobs.rules.slots import Trigger

EXPRESSIONS = [
    "* * * * * *",
    "*/7 * * * * *",
    "* * * * *",
    "*/5 * * * *",
    "13 * * * *",
    "0,15,30 2 * * *",
    "30 2 * * *",
    "0 0-23 * * *",
    "0 0 * * 1",
]


@settings(deadline=None, max_examples=100, database=None)
@given(
    expression=st.sampled_from(EXPRESSIONS),
    day=st.sampled_from(["2026-03-29", "2026-10-25", "2026-06-01"]),
    dst_gap=st.sampled_from(["run_after_gap", "skip"]),
    dst_fold=st.sampled_from(["first", "second", "both"]),
    now_seconds=st.integers(0, 86_400),
    late=st.one_of(st.integers(0, 300), st.integers(0, 2 * 86_400)),
    misfire=st.sampled_from(list(Misfire)),
    misfire_max=st.integers(1, 20),
    grace=st.sampled_from([0, 5, 60, 600]),
    window=st.sampled_from([0, 60, 3600, 86_400, 10 * 86_400]),
)
def test_every_slot_is_accounted_for_exactly_once(
    expression: str,
    day: str,
    dst_gap: str,
    dst_fold: str,
    now_seconds: int,
    late: int,
    misfire: Misfire,
    misfire_max: int,
    grace: int,
    window: int,
) -> None:
    spec = {"expression": expression, "timezone": "Europe/Berlin", "dst_gap": dst_gap, "dst_fold": dst_fold}
    trigger = triggers.build("cron", spec)
    now = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(seconds=now_seconds)
    after, horizon = now - timedelta(seconds=late), now + timedelta(seconds=3)
    policy = MisfirePolicy(
        misfire=misfire,
        misfire_max=misfire_max,
        misfire_grace=timedelta(seconds=grace),
        catch_up_window=timedelta(seconds=window),
    )
    plan = planning.plan(trigger, after=after, now=now, horizon=horizon, policy=policy)

    singles = [*plan.runs, *(slot for slot, _ in plan.skipped)]
    names = [(slot.nominal, slot.kind) for slot in singles]
    assert len(set(names)) == len(names)
    assert all(after < slot.at <= horizon for slot in singles)
    assert len(singles) + sum(fold.count for fold in plan.folded) == trigger.count(after, horizon)
    assert all(fold.count == counted(trigger, fold) > planning.FOLD_ABOVE for fold in plan.folded)
    assert not [slot for slot in singles for fold in plan.folded if fold.first.at < slot.at < fold.last.at]
    assert next(trigger.after(max(after, horizon)), None) == plan.next
    assert_policy_is_kept(plan, now, policy)


def counted(trigger: Trigger, fold: Folded) -> int:
    """The slots from the first of a fold to its last, counted by walking."""
    before = fold.first.at - timedelta(microseconds=1)
    slots = list(takewhile(lambda slot: slot.at <= fold.last.at, trigger.after(before)))
    return slots.index(fold.last) - slots.index(fold.first) + 1


def assert_policy_is_kept(plan: Plan, now: datetime, policy: MisfirePolicy) -> None:
    missed = [slot for slot in plan.runs if slot.at < now - policy.misfire_grace]
    assert all(slot.at >= now - policy.catch_up_window for slot in missed)
    most = {Misfire.SKIP: 0, Misfire.LAST: 1, Misfire.AT_MOST: policy.misfire_max, Misfire.ALL: planning.MAX_SLOTS}
    assert len(missed) <= most[policy.misfire]
    unrun = [fold.last.at for fold in plan.folded if fold.reason is Absence.MISFIRE]
    unrun += [slot.at for slot, reason in plan.skipped if reason is Absence.MISFIRE]
    assert all(slot.at > at for slot in missed for at in unrun), "the newest missed slots are the ones that run"
    if policy.misfire is Misfire.LAST and unrun:
        assert any(max(unrun) < slot.at <= now for slot in plan.runs), "something newer has run"
