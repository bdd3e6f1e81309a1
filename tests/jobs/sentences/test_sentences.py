"""A schedule in words, and that the words promise exactly the fire times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs import sentences, triggers
from tests.jobs.sentences import reader

MOST = 3000
START = datetime(2026, 1, 1, tzinfo=UTC)


def of(kind: str = "cron", **fields: Any) -> str:
    spec = {name: value for name, value in fields.items() if name in triggers.Spec.__dataclass_fields__}
    return sentences.of({"kind": kind, **fields}, triggers.build(kind, spec))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("30 2 * * *", "At 02:30 every day"),
        ("@daily", "At 00:00 every day"),
        ("@hourly", "At minute 0 of every hour"),
        ("* * * * *", "Every minute"),
        ("* * * * * *", "Every second"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("30 * * * * *", "At second 30 of every minute"),
        ("15 30 2 * * *", "At 02:30:15 every day"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("*/7 * * * *", "At every 7th minute from 0 through 56 of every hour"),
        ("10,40 * * * *", "At minutes 10 and 40 of every hour"),
        ("*/5 9-17 * * 1-5", "Every 5 minutes of the hours 9 through 17 on every Monday through Friday"),
        ("0 */2 * * *", "At minute 0 of every 2nd hour from 0 through 22 every day"),
        ("0 6,18 * * mon,wed,fri", "At 06:00 and 18:00 every Monday, Wednesday and Friday"),
        ("0 0 * * sun", "At 00:00 every Sunday"),
        ("0 0 * * 5-7", "At 00:00 every Friday through Sunday"),
        ("0 0 13 * *", "At 00:00 on the 13th of the month"),
        ("0 0 13 * 5", "At 00:00 on the 13th of the month, and also on every Friday"),
        ("0 0 1,15 */3 *", "At 00:00 on the 1st and the 15th of the month, only in January, April, July and October"),
        ("59 23 L * *", "At 23:59 on the last day of the month"),
        ("0 9 15W * *", "At 09:00 on the day from Monday to Friday nearest to the 15th of the month"),
        ("0 9 * * 2#2", "At 09:00 on the 2nd Tuesday of the month"),
        ("0 9 * * L5", "At 09:00 on the last Friday of the month"),
        ("0 0 29 2 *", "At 00:00 on the 29th of the month, only in February"),
        (
            "0 0-3/2 5-10 6-8 *",
            "At 00:00 and 02:00 on the 5th through the 10th of the month, only in June through August",
        ),
    ],
)
def test_cron_in_words(expression, words):
    assert of(expression=expression, timezone="Europe/Berlin") == f"{words}, Europe/Berlin"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "interval", "interval_seconds": 900, "start_at": datetime(2026, 1, 1, tzinfo=UTC)},
         "Every 15 minutes, counted from 2026-01-01 00:00 (+00:00)"),
        ({"kind": "interval", "interval_seconds": 3600, "start_at": datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC), "timezone": "Asia/Kolkata"},
         "Every hour, counted from 2026-01-01 05:30:05 (+05:30)"),
        ({"kind": "interval", "interval_seconds": 5400, "start_at": datetime(2026, 1, 1, tzinfo=UTC), "max_runs": 10, "jitter_seconds": 30},
         "Every 1 hour and 30 minutes, counted from 2026-01-01 00:00 (+00:00); each run up to 30 seconds later, the same "
         "for the same slot; 10 runs in all"),
        ({"kind": "once", "run_at": datetime(2026, 7, 1, 9, tzinfo=UTC), "timezone": "Europe/Berlin"},
         "Once, at 2026-07-01 11:00 (+02:00)"),
        ({"expression": "30 2 * * *", "timezone": "Europe/Berlin", "start_at": datetime(2026, 1, 1, tzinfo=UTC),
          "end_at": datetime(2027, 7, 1, tzinfo=UTC), "dst_gap": "skip", "dst_fold": "both"},
         "At 02:30 every day, Europe/Berlin; from 2026-01-01 01:00 (+01:00) on; before 2027-07-01 02:00 (+02:00); times that "
         "clocks skip are left out; times that come twice run both times"),
    ],
)  # fmt: skip
def test_whatever_else_holds_follows_after_semicolons(fields, words):
    assert of(**fields) == words


def test_calendars_windows_and_hashes_are_told_of():
    trigger = triggers.build("cron", {"expression": "0 5 * * *"})
    fields = {
        "kind": "cron", "expression": "H 5 * * *", "timezone": "UTC",
        "calendars": [
            {"calendar": "holidays", "use": "exclude", "on_hit": "next_business_day"},
            {"calendar": "opening days", "use": "include", "on_hit": "skip"},
        ],
        "execution_window": {"hours": [{"from": "08:00", "until": "18:00"}], "outside": "skip"},
    }  # fmt: skip
    assert sentences.of(fields, trigger) == (
        "At 05:00 every day, UTC, where H stands for values of this schedule's own; runs on days in holidays are moved to the "
        "business day after; runs on days that are not in opening days are left out; starts only every day 08:00 to 18:00, "
        "else it is skipped"
    )


@pytest.mark.parametrize(
    ("rrule", "words"),
    [
        ("FREQ=DAILY", "Every day at 09:30"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE", "Every 2 weeks at 09:30 on Monday and Wednesday"),
        ("FREQ=WEEKLY", "Every week at 09:30 on Thursday"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=12", "Every month at 09:30 on the last Friday of the month, 12 times in all"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "Every month at 09:30 on the 1st and the last day of the month"),
        ("FREQ=MONTHLY", "Every month at 09:30 on the 15th of the month"),
        ("FREQ=YEARLY", "Every year at 09:30 on the 15th of January"),
        ("FREQ=YEARLY;BYDAY=-1FR", "Every year at 09:30 on the last Friday of the year"),
        ("FREQ=YEARLY;BYMONTH=6,12;BYDAY=-1FR",
         "Every year at 09:30 on the last Friday of the month only in June and December"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
         "Every month at 09:30 on Monday through Friday but only the last of these in each month"),
        ("FREQ=DAILY;UNTIL=20261231T230000Z", "Every day at 09:30, until 2026-12-31 23:00 UTC"),
        ("FREQ=HOURLY;INTERVAL=6", "Every 6 hours"),
        ("FREQ=YEARLY;BYWEEKNO=20", "By the recurrence rule FREQ=YEARLY;BYWEEKNO=20"),
        ("nonsense", "By the recurrence rule nonsense"),
    ],
)  # fmt: skip
def test_recurrence_rules_in_words(rrule, words):
    start = datetime(2026, 1, 15, 8, 30, tzinfo=UTC)
    told = sentences.of({"kind": "rrule", "rrule": rrule, "timezone": "Europe/Berlin", "start_at": start}, ANY)
    assert told.startswith(f"{words}, Europe/Berlin")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"every": "month", "on": {"business_day": -1}, "at": ["17:00"]},
         "At 17:00 on the last business day of every month"),
        ({"every": "quarter", "on": {"day": "last"}, "at": ["18:00", "09:00"], "shift": "previous_business_day"},
         "At 09:00 and 18:00 on the last day of every quarter, or on the business day before, if that is none"),
        ({"every": "month", "months": [6, 12], "on": {"weekday": "fri", "nth": -1}, "at": ["17:00"]},
         "At 17:00 on the last Friday of every month, only in June and December"),
        ({"every": "week", "on": {"weekday": "mon"}, "at": ["08:30"], "shift": "next_business_day"},
         "At 08:30 every Monday, or on the business day after, if that is none"),
        ({"every": "month", "on": {"day": 15}, "at": ["00:00"]}, "At 00:00 on the 15th day of every month"),
        ({"every": "month", "on": {"day": -2}, "at": ["18:00:30", "06:00"]},
         "At 06:00 and 18:00:30 on the 2nd day from the end of every month"),
        ({"every": "month", "months": [13], "on": {"day": 1}, "at": ["06:00"]},
         'By the calendar rule {"at": ["06:00"], "every": "month", "months": [13], "on": {"day": 1}}'),
        ({"day": "last"}, 'By the calendar rule {"day": "last"}'),
        ({"every": "month", "on": {"day": 1}, "at": ["00:00"], "except": "May"},
         'By the calendar rule {"at": ["00:00"], "every": "month", "except": "May", "on": {"day": 1}}'),
    ],
)  # fmt: skip
def test_calendar_rules_in_words_and_what_has_none_is_quoted_whole(rule, words):
    assert sentences.of({"kind": "calendar", "rule": rule, "timezone": "UTC"}, ANY) == f"{words}, UTC"


def test_an_execution_window_in_words():
    window = {
        "hours": [
            {"days": ["mon-fri"], "from": "22:00", "until": "05:00"},
            {"days": ["sat", "sun"], "from": "00:00", "until": "24:00"},
        ]
    }
    fields = {"kind": "once", "run_at": datetime(2026, 7, 1, 9, tzinfo=UTC), "execution_window": window}
    assert sentences.of(fields, ANY).endswith(
        "; starts only mon-fri 22:00 to 05:00 and sat, sun 00:00 to 24:00, else it waits"
    )


def test_an_event_in_words():
    fields = {"kind": "event", "event": "order.paid", "event_filter": "payload.total > 10", "debounce_seconds": 90}
    assert sentences.of(fields, ANY) == (
        "Whenever the event order.paid comes and payload.total > 10, once it has not come again for 1 minute and 30 seconds"
    )


ANY: Any = None
_NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6), "second": (0, 59)}


def _field(name: str) -> st.SearchStrategy[str]:
    low, high = _NUMBERS[name]
    number = st.integers(low, high)
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] < pair[1])
    span = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    step = st.integers(1, high)
    item = st.one_of(
        number.map(str), span, st.tuples(span, step).map("{0[0]}/{0[1]}".format), step.map(lambda n: f"*/{n}")
    )
    return st.one_of(st.just("*"), number.map(str), st.lists(item, min_size=1, max_size=3).map(",".join))


_LAST = st.sampled_from(["L", "1,L", "15W", "1W", "31W", "30W"])
_ORDINAL = st.sampled_from(["1#1", "sat#2,sun#4", "5#5", "L5", "L0", "L1,2#3"])
_DAYS = st.one_of(
    st.tuples(_field("day"), _field("weekday")),
    st.tuples(_LAST, st.just("*")),
    st.tuples(st.just("*"), _ORDINAL),
    st.tuples(st.just("L"), _field("weekday")),
)


@st.composite
def crons(draw: Any) -> str:
    day, weekday = draw(_DAYS)
    expression = f"{draw(_field('minute'))} {draw(_field('hour'))} {day} {draw(_field('month'))} {weekday}"
    return f"{draw(_field('second'))} {expression}" if draw(st.booleans()) else expression


_INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2032, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
_BOUNDS = st.fixed_dictionaries({}, optional={"start_at": _INSTANTS, "end_at": _INSTANTS})
_SPECS = st.one_of(
    st.builds(lambda expression, bounds: {"kind": "cron", "expression": expression, **bounds}, crons(), _BOUNDS),
    st.builds(
        lambda seconds, start: {"kind": "interval", "interval_seconds": seconds, "start_at": start},
        st.integers(1, 10_000_000), _INSTANTS,
    ),
    st.builds(lambda at: {"kind": "once", "run_at": at}, _INSTANTS),
)  # fmt: skip


@example(spec={"kind": "cron", "expression": "*/7,3 * * * *"}, start=START, length=timedelta(hours=3))
@example(spec={"kind": "cron", "expression": "1,4,9,16 2,3,5,7,11 * * *"}, start=START, length=timedelta(days=40))
@settings(max_examples=150, deadline=None)
@given(
    spec=_SPECS, start=_INSTANTS, length=st.sampled_from([timedelta(hours=3), timedelta(days=40), timedelta(days=800)])
)
def test_the_words_promise_exactly_the_fire_times(spec, start, length):
    kind, said = spec["kind"], {name: value for name, value in spec.items() if name != "kind"}
    try:
        trigger = triggers.build(kind, said)
    except triggers.InvalidSchedule:
        return
    end = start + length
    fired = [
        slot.at
        for slot in islice(
            takewhile(lambda slot: slot.at < end, trigger.after(start - timedelta(microseconds=1))), MOST
        )
    ]
    sentence = sentences.of(spec, trigger)
    if len(fired) == MOST:
        end = fired[-1] + timedelta(seconds=1)
    assert reader.times(sentence, start, end) == fired, sentence
