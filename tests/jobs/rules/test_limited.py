"""A schedule with so many runs left has those, and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import triggers
from jobs.rules.limited import ending_with
from jobs.rules.slots import TICK, SlotKind

START = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=2)


@pytest.mark.parametrize(
    "spec", [{"expression": "*/7 * * * * *"}, {"expression": "0 5,17 * * *"}, {"expression": "30 2 1 1 *"}]
)
@given(left=st.integers(0, 60), skipped=st.integers(0, 86_400))
def test_the_first_ones_are_kept_and_no_other(spec, left, skipped):
    trigger = triggers.build("cron", spec)
    after = START + timedelta(seconds=skipped)
    limited = ending_with(trigger, left, after=after, until=UNTIL)
    whole = [slot for slot in islice(trigger.after(after), left) if slot.at <= UNTIL]
    found = [slot for slot in islice(limited.after(after), 100) if slot.at <= UNTIL]
    assert found == whole
    assert limited.count(after, UNTIL) == len(whole)
    assert list(limited.before(UNTIL, after + timedelta(microseconds=1)))[::-1] == whole


def test_slots_that_a_clock_change_leaves_out_use_up_no_run():
    trigger = triggers.build("cron", {"expression": "30 2 * * *", "timezone": "Europe/Berlin"})
    after, until = datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC)

    def left_out(low, high):
        return sum(slot.kind is not SlotKind.RUN for slot in trigger.before(high, low + TICK))

    limited = ending_with(trigger, 3, after=after, until=until, left_out=left_out)
    days = [slot.at.day for slot in limited.after(after) if slot.kind is SlotKind.RUN]
    assert days == [24, 25, 26]
