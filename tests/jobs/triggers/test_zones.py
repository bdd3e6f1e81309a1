"""Segments of one offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest

from jobs.triggers import zones

HOUR = timedelta(hours=1)


def test_a_year_is_cut_where_clocks_change() -> None:
    year = list(islice(zones.upward("Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC)), 3))
    assert [(segment.start.isoformat(), segment.offset, segment.jump) for segment in year] == [
        ("2026-01-01T00:00:00+00:00", HOUR, timedelta()),
        ("2026-03-29T01:00:00+00:00", 2 * HOUR, HOUR),
        ("2026-10-25T01:00:00+00:00", HOUR, -HOUR),
    ]


@pytest.mark.parametrize("name", ["Africa/Casablanca", "Pacific/Apia", "Asia/Gaza", "America/Sao_Paulo", "UTC"])
def test_segments_cover_time_without_holes_and_walk_back_the_same(name: str) -> None:
    start, end = datetime(2005, 6, 1, tzinfo=UTC), datetime(2030, 6, 1, tzinfo=UTC)
    segments = list(takewhile(lambda segment: segment.start < end, zones.upward(name, start)))
    assert segments[0].start <= start < segments[0].end
    assert all(a.end == b.start and b.offset - a.offset == b.jump for a, b in pairwise(segments))
    place = zones.zone(name)
    assert all(segment.start.astimezone(place).utcoffset() == segment.offset for segment in segments)
    assert all(
        (segment.end - timedelta(seconds=1)).astimezone(place).utcoffset() == segment.offset for segment in segments
    )
    assert list(islice(zones.downward(name, segments[-1].start), len(segments)))[::-1] == segments


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nowhere",
        "europe/berlin",
        "../UTC",
        "/etc/localtime",
        "America",
        "zone.tab",
        "right/UTC",
        "localtime",
        "A" * 300,
        "U\0TC",
    ],
)
def test_a_name_that_is_no_place_is_refused(name: str) -> None:
    with pytest.raises(zones.UnknownZoneError, match="IANA"):
        zones.zone(name)


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (2 * HOUR, "+02:00"),
        (-HOUR / 2, "-00:30"),
        (5.75 * HOUR, "+05:45"),
        (-timedelta(minutes=44, seconds=30), "-00:44:30"),
    ],
)
def test_an_offset_is_written_as_python_writes_it(offset: timedelta, text: str) -> None:
    assert zones.offset_text(offset) == text
