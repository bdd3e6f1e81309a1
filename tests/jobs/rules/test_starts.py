"""When the run of a slot starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from jobs.rules import opening_hours
from jobs.rules.starts import Spread, Start
from jobs.triggers import zones

SLOT = datetime(2026, 6, 1, 12, tzinfo=UTC)
NIGHT = {"hours": [{"from": "22:00", "until": "05:00"}]}
OPENS, CLOSES = datetime(2026, 6, 1, 22, tzinfo=UTC), datetime(2026, 6, 2, 5, tzinfo=UTC)


def _spread(outside: str = "wait", jitter: float = 0, key: object = "a") -> Spread:
    hours = opening_hours.parse({**NIGHT, "outside": outside})
    return Spread(key=key, jitter=timedelta(seconds=jitter), hours=hours, stretches=partial(zones.upward, "UTC"))


def test_jitter_is_the_same_for_a_slot_and_differs_among_slots_and_schedules() -> None:
    one, other = Spread(key="a", jitter=timedelta(hours=1)), Spread(key="b", jitter=timedelta(hours=1))
    assert one.start(SLOT, "noon") == one.start(SLOT, "noon")
    assert len({str(spread.start(SLOT, text)) for spread in (one, other) for text in ("noon", "one")}) == 4


def test_jitter_spreads_evenly_and_never_reaches_its_length() -> None:
    spread = Spread(key="a", jitter=timedelta(seconds=60))
    delays = [(start.at - SLOT).total_seconds() for n in range(3000) if (start := spread.start(SLOT, str(n)))]
    assert min(delays) >= 0
    assert max(delays) < 60
    assert all(190 < sum(low <= delay < low + 5 for delay in delays) < 310 for low in range(0, 60, 5))


def test_without_jitter_and_hours_a_run_starts_at_its_slot() -> None:
    assert Spread(key="a").start(SLOT, "noon") == Start(SLOT)


def test_a_slot_outside_waits_for_the_next_opening() -> None:
    assert _spread().start(SLOT, "noon") == Start(OPENS, CLOSES, waits=True)


def test_a_slot_outside_is_left_out_if_so_said() -> None:
    assert _spread("skip").start(SLOT, "noon") is None


def test_a_slot_inside_starts_at_once_and_may_until_the_hours_close() -> None:
    inside = OPENS + timedelta(hours=1)
    assert _spread("skip").start(inside, "23") == Start(inside, CLOSES)


def test_jitter_moves_no_run_out_of_the_hours() -> None:
    last = CLOSES - timedelta(minutes=1)
    starts = [_spread(jitter=7200, key=n).start(last, "x") for n in range(50)]
    assert all(start is not None and last <= start.at < CLOSES for start in starts)


def test_a_late_slot_takes_no_opening_that_is_over() -> None:
    seen = CLOSES + timedelta(hours=3)
    assert _spread().start(OPENS, "22", now=seen) == Start(
        OPENS + timedelta(days=1), CLOSES + timedelta(days=1), waits=True
    )
    assert _spread("skip").start(OPENS, "22", now=seen) is None


def test_a_late_slot_starts_in_the_opening_that_it_waited_for() -> None:
    assert _spread().start(SLOT, "noon", now=OPENS + timedelta(hours=2)) == Start(OPENS, CLOSES, waits=True)
