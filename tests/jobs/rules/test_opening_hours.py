"""Hours against a walker that asks a clock on the wall every minute, across clock changes and midnights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.rules import opening_hours
from jobs.rules.opening_hours import DAYS, InvalidHours, Opening
from jobs.triggers import zones

MINUTE = timedelta(minutes=1)
#: A zone, and an instant some days before its clocks change (half an hour on Lord Howe, a missing day on Samoa).
PLACES = [
    ("UTC", datetime(2026, 3, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 27, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 23, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 2, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 28, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 1, 1, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 13, tzinfo=UTC)),
]


def _drawn(draw: random.Random) -> list[dict[str, Any]]:
    """Some spans, many of them around the hours at which clocks change."""
    found = []
    for _ in range(draw.randint(1, 4)):
        begin, end = draw.sample([*range(0, 240, 15), *range(240, 1440, 45)], 2)
        days = [draw.choice([draw.choice(DAYS), "mon-sun", "fri-mon", "sat-sun", "mon-fri"])]
        found.append({"days": days, "from": _clock(begin), "until": draw.choice([_clock(end), "24:00"])})
    return found


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days_of(text: str) -> list[int]:
    first, _, last = text.partition("-")
    begin, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7
    return [(begin + step) % 7 for step in range(length + 1)]


def _walked(
    hours: list[dict[str, Any]], zone: str, since: datetime, until: datetime
) -> Iterator[tuple[datetime, bool]]:
    place, minute = ZoneInfo(zone), since
    while minute < until:
        yield minute, any(_covers(entry, minute.astimezone(place)) for entry in hours)
        minute += MINUTE


def _covers(entry: dict[str, Any], wall: datetime) -> bool:
    now = f"{wall:%H:%M}"
    today = any(wall.weekday() in _days_of(text) for text in entry["days"])
    yesterday = any((wall.weekday() - 1) % 7 in _days_of(text) for text in entry["days"])
    if entry["until"] > entry["from"]:
        return today and entry["from"] <= now < entry["until"]
    return (today and now >= entry["from"]) or (yesterday and now < entry["until"])


@pytest.mark.parametrize(("zone", "since"), PLACES)
def test_open_and_closed_as_a_clock_on_the_wall_says_minute_by_minute(zone: str, since: datetime) -> None:
    draw = random.Random(f"{zone}{since}")
    until = since + timedelta(days=5)
    for _ in range(3):
        said = _drawn(draw)
        hours = opening_hours.parse({"hours": said})
        found = list(opening_hours.openings(hours, since, partial(zones.upward, zone), until=until))
        expected: list[Opening] = []
        begun = None
        for minute, is_open in _walked(said, zone, since, until):
            if is_open and begun is None:
                begun = minute
            elif not is_open and begun is not None:
                expected.append(Opening(begun, minute))
                begun = None
        assert [one for one in found if one.closes_at and one.closes_at < until] == expected, (zone, said)


def _hours(**entry: Any) -> opening_hours.Hours:
    return opening_hours.parse({"hours": [entry]})


def test_a_night_belongs_to_the_day_it_begins_on_and_has_its_real_length() -> None:
    night = _hours(days=["sat"], **{"from": "22:00", "until": "05:00"})
    berlin = partial(zones.upward, "Europe/Berlin")
    found = opening_hours.opening(night, datetime(2026, 3, 28, 12, tzinfo=UTC), berlin)
    # 28 March 22:00 is 21:00 UTC; on Sunday clocks go forward, so that 05:00 is 03:00 UTC, an hour sooner.
    assert found == Opening(datetime(2026, 3, 28, 21, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC))


def test_hours_that_a_clock_change_removes_open_a_week_later() -> None:
    removed = _hours(days=["sun"], **{"from": "02:00", "until": "02:30"})
    found = opening_hours.opening(removed, datetime(2026, 3, 28, tzinfo=UTC), partial(zones.upward, "Europe/Berlin"))
    assert found == Opening(datetime(2026, 4, 5, 0, tzinfo=UTC), datetime(2026, 4, 5, 0, 30, tzinfo=UTC))


def test_hours_around_the_clock_never_close() -> None:
    always = _hours(**{"from": "00:00", "until": "24:00"})
    now = datetime(2026, 3, 28, tzinfo=UTC)
    assert opening_hours.opening(always, now, partial(zones.upward, "Europe/Berlin")) == Opening(now, None)


def test_what_is_open_ends_just_before_its_last_instant() -> None:
    day = _hours(**{"from": "08:00", "until": "17:00"})
    utc = partial(zones.upward, "UTC")
    end = datetime(2026, 3, 28, 17, tzinfo=UTC)
    just_before = end - timedelta(microseconds=1)
    assert opening_hours.opening(day, just_before, utc) == Opening(just_before, end)
    assert opening_hours.opening(day, end, utc) == Opening(end + timedelta(hours=15), end + timedelta(days=1))


_GOOD = {"from": "08:00", "until": "17:00"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ([], ""),
        ({"hours": []}, "hours"),
        ({"hours": [_GOOD] * 29}, "hours"),
        ({"hours": [_GOOD], "else": 1}, "else"),
        ({"hours": [_GOOD], "outside": "run"}, "outside"),
        ({"hours": [_GOOD], "outside": ["wait"]}, "outside"),
        ({"hours": [_GOOD, {"from": "8:00", "until": "17:00"}]}, "hours[1].from"),
        ({"hours": [{"from": "24:00", "until": "05:00"}]}, "hours[0].from"),
        ({"hours": [{"from": "08:00"}]}, "hours[0].until"),
        ({"hours": [{"from": "08:00", "until": "08:00"}]}, "hours[0].until"),
        ({"hours": [{"from": "00:00", "until": "24:01"}]}, "hours[0].until"),
        ({"hours": [{**_GOOD, "days": "mon"}]}, "hours[0].days"),
        ({"hours": [{**_GOOD, "days": []}]}, "hours[0].days"),
        ({"hours": [{**_GOOD, "days": ["mon", "mon-"]}]}, "hours[0].days[1]"),
        ({"hours": [{**_GOOD, "days": ["Monday"]}]}, "hours[0].days[0]"),
        ({"hours": [{**_GOOD, "days": [1]}]}, "hours[0].days[0]"),
        ({"hours": [{**_GOOD, "zone": "UTC"}]}, "hours[0].zone"),
        ({"hours": ["08:00-17:00"]}, "hours[0]"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_their_place(said: Any, field: str) -> None:
    with pytest.raises(InvalidHours) as refused:
        opening_hours.parse(said)
    assert refused.value.field == field
