"""Recurrences of days, against dateutil's reading of the same rules."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from dateutil import rrule

from jobs.rules.ical_recurrences import Budget, read

RULES = [
    "FREQ=DAILY;INTERVAL=3", "FREQ=DAILY;BYMONTH=1,12;BYMONTHDAY=-1", "FREQ=DAILY;BYDAY=MO,FR", "FREQ=WEEKLY",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "FREQ=WEEKLY;BYMONTH=2",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SA;BYSETPOS=-1", "FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYDAY=2MO",
    "FREQ=MONTHLY;BYDAY=-1FR,-2FR", "FREQ=MONTHLY;INTERVAL=5;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
    "FREQ=YEARLY;INTERVAL=2", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "FREQ=YEARLY;BYDAY=20MO", "FREQ=YEARLY;BYDAY=-1SU",
    "FREQ=YEARLY;BYYEARDAY=1,100,-1", "FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=15,-1", "FREQ=YEARLY;BYMONTH=5;BYDAY=MO;BYSETPOS=-1",
]  # fmt: skip
STARTS = [date(2004, 2, 29), date(2005, 1, 31), date(2006, 12, 6)]


@pytest.mark.parametrize("ends", ["COUNT=4", "UNTIL=20090601"])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_means_what_dateutil_reads(rule, ends):
    for start in STARTS:
        made = rrule.rrulestr(f"{rule};{ends}", dtstart=datetime.combine(start, datetime.min.time()))
        assert read(f"{rule};{ends}", start, Budget(), 2026).days() == [day.date() for day in made]


def test_ordinal_weekdays_and_plain_ones_are_either():
    made = read("FREQ=MONTHLY;BYDAY=1TH,TU;COUNT=4", date(2004, 1, 1), Budget(), 2026).days()
    assert [day.day for day in made] == [1, 6, 13, 20]
