"""The table of known hard cases. Every instant was worked out by hand, from the zones' published rules; none was computed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import pytest

from jobs import triggers

BERLIN, NEW_YORK = {"timezone": "Europe/Berlin"}, {"timezone": "America/New_York"}
LORD_HOWE, CASABLANCA, APIA = (
    {"timezone": name} for name in ("Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
)


class Hard(NamedTuple):
    """Instants in UTC; ``skipped`` marks those that are recorded and not run."""

    name: str
    kind: str
    spec: dict[str, Any]
    after: str
    expected: list[str]
    skipped: tuple[int, ...] = ()


def cron(expression: str, **fields: Any) -> dict[str, Any]:
    return {"expression": expression, **fields}


def rrule(text: str, start: str, **fields: Any) -> dict[str, Any]:
    return {"rrule": text, "start_at": datetime.fromisoformat(start), **fields}


def rule(every: str, on: dict[str, Any], at: str = "17:00", **fields: Any) -> dict[str, Any]:
    zone = fields.pop("timezone", "UTC")
    return {"rule": {"every": every, "on": on, "at": [at], **fields}, "timezone": zone}


LAST_BUSINESS_DAY = {"business_day": -1}

TABLE = [
    # Berlin: 02:00 +01:00 becomes 03:00 +02:00 on 2027-03-28, 03:00 +02:00 becomes 02:00 +01:00 on 2027-10-31.
    Hard("Berlin, gap", "cron", cron("30 2 * * *", **BERLIN), "2027-03-27T00:00",
         ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"]),
    Hard("Berlin, gap left out", "cron", cron("30 2 * * *", dst_gap="skip", **BERLIN), "2027-03-27T00:00",
         ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"], skipped=(1,)),
    Hard("Berlin, fold, the first", "cron", cron("30 2 * * *", **BERLIN), "2027-10-30T12:00",
         ["2027-10-31T00:30", "2027-10-31T01:30", "2027-11-01T01:30"], skipped=(1,)),
    Hard("Berlin, fold, the second", "cron", cron("30 2 * * *", dst_fold="second", **BERLIN), "2027-10-30T12:00",
         ["2027-10-31T00:30", "2027-10-31T01:30", "2027-11-01T01:30"], skipped=(0,)),
    Hard("Berlin, fold, both", "cron", cron("30 2 * * *", dst_fold="both", **BERLIN), "2027-10-30T12:00",
         ["2027-10-31T00:30", "2027-10-31T01:30", "2027-11-01T01:30"]),
    Hard("Berlin, each hour through the gap", "cron", cron("0 * * * *", **BERLIN), "2027-03-27T23:30",
         ["2027-03-28T00:00", "2027-03-28T01:00", "2027-03-28T02:00"]),
    # New York: 02:00 -05:00 becomes 03:00 -04:00 on 2027-03-14, 02:00 -04:00 becomes 01:00 -05:00 on 2027-11-07.
    Hard("New York, gap", "cron", cron("0,30 2 * * *", **NEW_YORK), "2027-03-13T12:00",
         ["2027-03-14T07:00", "2027-03-15T06:00", "2027-03-15T06:30"]),
    Hard("New York, fold", "cron", cron("15 1 * * *", **NEW_YORK), "2027-11-06T12:00",
         ["2027-11-07T05:15", "2027-11-07T06:15", "2027-11-08T06:15"], skipped=(1,)),
    Hard("New York, hourly rule with its hour named", "rrule",
         rrule("FREQ=DAILY;BYHOUR=1;BYMINUTE=15;BYSECOND=0", "2027-11-01T00:00-04:00", dst_fold="second", **NEW_YORK),
         "2027-11-06T12:00", ["2027-11-07T05:15", "2027-11-07T06:15", "2027-11-08T06:15"], skipped=(0,)),
    # Lord Howe: 02:00 +11:00 becomes 01:30 +10:30 on 2027-04-04, 02:00 +10:30 becomes 02:30 +11:00 on 2027-10-03.
    Hard("Lord Howe, half an hour twice", "cron", cron("45 1 * * *", **LORD_HOWE), "2027-04-03T10:00",
         ["2027-04-03T14:45", "2027-04-03T15:15", "2027-04-04T15:15"], skipped=(1,)),
    Hard("Lord Howe, half an hour missing", "cron", cron("15 2 * * *", **LORD_HOWE), "2027-10-02T00:00",
         ["2027-10-02T15:30", "2027-10-03T15:15"]),
    Hard("Lord Howe, a calendar rule in the gap", "calendar", rule("week", {"weekday": "sun"}, "02:10", **LORD_HOWE),
         "2027-09-27T00:00", ["2027-10-02T15:30", "2027-10-09T15:10"]),
    # Casablanca: 03:00 +01:00 becomes 02:00 +00:00 on 2026-02-15 for Ramadan, and back on 2026-03-22.
    Hard("Casablanca, Ramadan begins", "cron", cron("30 2 * * *", dst_fold="both", **CASABLANCA), "2026-02-14T12:00",
         ["2026-02-15T01:30", "2026-02-15T02:30", "2026-02-16T02:30"]),
    Hard("Casablanca, Ramadan ends", "cron", cron("30 2 * * *", **CASABLANCA), "2026-03-21T12:00",
         ["2026-03-22T02:00", "2026-03-23T01:30"]),
    # Apia went from 2011-12-29 24:00 -10:00 to 2011-12-31 00:00 +14:00.
    Hard("Apia, the missing day", "cron", cron("0 9 * * *", **APIA), "2011-12-29T00:00",
         ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"]),
    Hard("Apia, only on the missing day", "cron", cron("0 9 30 12 *", dst_gap="skip", **APIA), "2011-01-01T00:00",
         ["2011-12-30T10:00", "2012-12-29T19:00"], skipped=(0,)),
    Hard("Apia, daily rule", "rrule", rrule("FREQ=DAILY;COUNT=3", "2011-12-29T09:00-10:00", **APIA), "2011-12-01T00:00",
         ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"]),
    Hard("Apia, the 30th", "calendar", rule("month", {"day": 30}, "09:00", **APIA),
         "2011-12-01T00:00", ["2011-12-30T10:00", "2012-01-29T19:00"]),
    Hard("leap day", "cron", cron("0 12 29 2 *"), "2026-01-01T00:00", ["2028-02-29T12:00", "2032-02-29T12:00"]),
    Hard("no leap day in 2100", "cron", cron("0 12 29 2 *"), "2096-03-01T00:00", ["2104-02-29T12:00"]),
    Hard("leap day, yearly from one", "rrule", rrule("FREQ=YEARLY", "2024-02-29T06:00+00:00"), "2024-03-01T00:00",
         ["2028-02-29T06:00", "2032-02-29T06:00"]),
    Hard("the 31st", "cron", cron("0 0 31 * *"), "2027-01-31T00:00",
         ["2027-03-31T00:00", "2027-05-31T00:00", "2027-07-31T00:00", "2027-08-31T00:00"]),
    Hard("the 31st, monthly from one", "rrule", rrule("FREQ=MONTHLY", "2027-01-31T00:00+00:00"), "2027-01-31T00:00",
         ["2027-03-31T00:00", "2027-05-31T00:00", "2027-07-31T00:00", "2027-08-31T00:00"]),
    Hard("the 13th or a Friday", "cron", cron("0 0 13 * 5"), "2027-01-08T00:00",
         ["2027-01-13T00:00", "2027-01-15T00:00", "2027-01-22T00:00"]),
    Hard("a Friday the 13th", "rrule", rrule("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "2026-01-01T00:00+00:00"),
         "2026-01-01T00:00", ["2026-02-13T00:00", "2026-03-13T00:00", "2026-11-13T00:00", "2027-08-13T00:00"]),
    Hard("the last minute of a month", "cron", cron("59 23 L * *", **BERLIN), "2028-01-31T23:00",
         ["2028-02-29T22:59", "2028-03-31T21:59", "2028-04-30T21:59"]),
    Hard("weekdays over Sunday", "cron", cron("0 6 * * 5-7"), "2027-01-01T12:00",
         ["2027-01-02T06:00", "2027-01-03T06:00", "2027-01-08T06:00"]),
    Hard("weekdays over Sunday by name", "cron", cron("0 6 * * sat-sun"), "2027-01-01T12:00",
         ["2027-01-02T06:00", "2027-01-03T06:00", "2027-01-09T06:00"]),
    Hard("seconds", "cron", cron("10,50 59 23 31 12 *"), "2026-12-31T23:59:10",
         ["2026-12-31T23:59:50", "2027-12-31T23:59:10"]),
    Hard("over the year's end", "cron", cron("*/45 * * * * *"), "2026-12-31T23:59:30",
         ["2026-12-31T23:59:45", "2027-01-01T00:00", "2027-01-01T00:00:45"]),
    Hard("the year's end on another clock", "cron", cron("0 0 1 1 *", timezone="Pacific/Kiritimati"), "2026-01-01T00:00",
         ["2026-12-31T10:00", "2027-12-31T10:00"]),
    Hard("week one begins in the old year", "rrule",
         rrule("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", "2029-01-02T08:00+00:00"), "2029-01-02T00:00",
         ["2029-12-31T08:00", "2030-12-30T08:00", "2031-12-29T08:00"]),
    Hard("week one of a year that begins on a Thursday", "rrule",
         rrule("FREQ=YEARLY;BYWEEKNO=1;BYDAY=FR", "2026-01-01T08:00+00:00"), "2026-01-01T00:00",
         ["2026-01-02T08:00", "2027-01-08T08:00"]),
    Hard("the 53rd week", "rrule", rrule("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO", "2026-01-01T08:00+00:00"),
         "2026-01-01T00:00", ["2026-12-28T08:00", "2032-12-27T08:00"]),
    Hard("an interval through a fold", "interval",
         {"interval_seconds": 5400, "start_at": datetime.fromisoformat("2027-10-31T00:00+02:00"), **BERLIN},
         "2027-10-30T22:00", ["2027-10-30T23:30", "2027-10-31T01:00", "2027-10-31T02:30"]),
    Hard("once, in a fold", "once", {"run_at": datetime.fromisoformat("2027-10-31T02:30+01:00"), **BERLIN},
         "2027-01-01T00:00", ["2027-10-31T01:30"]),
    Hard("COUNT goes by wall times", "rrule",
         rrule("FREQ=DAILY;COUNT=3", "2027-10-30T02:30+02:00", **BERLIN), "2027-10-01T00:00",
         ["2027-10-30T00:30", "2027-10-31T00:30", "2027-10-31T01:30", "2027-11-01T01:30"], skipped=(2,)),
    Hard("UNTIL on the clock", "rrule",
         rrule("FREQ=DAILY;UNTIL=20270329T023000", "2027-03-27T02:30+01:00", **BERLIN), "2027-03-01T00:00",
         ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30"]),
    Hard("UNTIL in UTC", "rrule",
         rrule("FREQ=DAILY;UNTIL=20270329T002959Z", "2027-03-27T02:30+01:00", **BERLIN), "2027-03-01T00:00",
         ["2027-03-27T01:30", "2027-03-28T01:00"]),
    Hard("every other week, weeks from Sunday", "rrule",
         rrule("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05T09:00+00:00"), "1997-08-01T00:00",
         ["1997-08-05T09:00", "1997-08-17T09:00", "1997-08-19T09:00", "1997-08-31T09:00"]),
    Hard("every other week, weeks from Monday", "rrule",
         rrule("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05T09:00+00:00"), "1997-08-01T00:00",
         ["1997-08-05T09:00", "1997-08-10T09:00", "1997-08-19T09:00", "1997-08-24T09:00"]),
    Hard("the third of Tuesday, Wednesday, Thursday", "rrule",
         rrule("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04T09:00-04:00", **NEW_YORK),
         "1997-09-01T00:00", ["1997-09-04T13:00", "1997-10-07T13:00", "1997-11-06T14:00"]),
    Hard("the last business day", "calendar", rule("month", LAST_BUSINESS_DAY, **BERLIN), "2027-01-01T00:00",
         ["2027-01-29T16:00", "2027-02-26T16:00", "2027-03-31T15:00", "2027-04-30T15:00"]),
    Hard("the last business day of a leap February", "calendar", rule("month", LAST_BUSINESS_DAY, months=[2]),
         "2027-12-01T00:00", ["2028-02-29T17:00", "2029-02-28T17:00", "2030-02-28T17:00"]),
    Hard("a month's end before a weekend", "calendar",
         rule("month", {"day": "last"}, shift="previous_business_day", months=[1, 5, 10]), "2027-01-01T00:00",
         ["2027-01-29T17:00", "2027-05-31T17:00", "2027-10-29T17:00"]),
    Hard("a month's end after a weekend", "calendar",
         rule("month", {"day": "last"}, shift="next_business_day", months=[1, 10]), "2027-01-01T00:00",
         ["2027-02-01T17:00", "2027-11-01T17:00"]),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_a_hard_case_is_as_worked_out_by_hand(case: Hard) -> None:
    trigger = triggers.build(case.kind, case.spec)
    after = datetime.fromisoformat(case.after).replace(tzinfo=UTC)
    slots = list(islice(trigger.after(after), len(case.expected)))
    assert [slot.at for slot in slots] == [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in case.expected]
    assert [index for index, slot in enumerate(slots) if slot.kind != "run"] == list(case.skipped)
    assert list(islice(trigger.before(slots[-1].at, after), len(slots)))[::-1] == slots
    if "COUNT" in str(case.spec) or "UNTIL" in str(case.spec):
        assert list(trigger.after(after)) == slots
