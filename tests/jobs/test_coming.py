"""The runs that are to come, of rules that calendars leave little of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from jobs import coming, triggers
from jobs.rules.calendar_days import Days
from jobs.rules.calendars import CalendarUse, OnHit

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EVERY_SECOND = {"expression": "* * * * * *", "timezone": "America/Havana"}


def included(*days: date, on_hit: OnHit = OnHit.SKIP) -> tuple[CalendarUse, ...]:
    return (CalendarUse(Days(dict.fromkeys(days, "")), include=True, on_hit=on_hit),)


class Counting:
    """Makes slots, and counts how many were taken from it."""

    def __init__(self, trigger):
        self.trigger, self.taken = trigger, 0

    def after(self, instant):
        for slot in self.trigger.after(instant):
            self.taken += 1
            yield slot


@pytest.mark.parametrize("on_hit", list(OnHit))
def test_a_rule_of_seconds_that_calendars_never_let_run_is_given_up_soon(on_hit):
    trigger = Counting(triggers.build("cron", {**EVERY_SECOND, "calendars": included(on_hit=on_hit)}))
    assert next(coming.running(trigger, NOW, "America/Havana"), None) is None
    assert trigger.taken <= coming.MOST_LEFT_OUT + 2


def test_a_single_day_years_ahead_is_found_from_its_first_second_to_its_last():
    trigger = triggers.build("cron", {**EVERY_SECOND, "calendars": included(date(2031, 6, 1))})
    found = list(islice(coming.running(trigger, NOW, "America/Havana"), 86_401))
    midnight = datetime(2031, 6, 1, 4, tzinfo=UTC)
    assert (len(found), found[0].at, found[-1].at) == (86_400, midnight, midnight + timedelta(seconds=86_399))


def test_nobody_looks_beyond_what_was_asked_for():
    trigger = Counting(triggers.build("cron", {**EVERY_SECOND, "calendars": included(date(2031, 6, 1))}))
    assert not list(coming.running(trigger, NOW, "America/Havana", NOW + timedelta(days=3)))
    assert trigger.taken <= 5
