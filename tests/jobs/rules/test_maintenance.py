"""When maintenance windows are open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from jobs import triggers
from jobs.rules import maintenance
from jobs.rules.maintenance import Occurrence

HOUR = timedelta(hours=1)
NOW = datetime(2026, 6, 1, 3, tzinfo=UTC)
NIGHTLY = triggers.build("cron", {"expression": "0 2 * * *"})


def _at(hour: float, length: float = 1) -> Occurrence:
    begin = NOW.replace(hour=0) + hour * HOUR
    return Occurrence(begin, begin + length * HOUR)


def test_one_that_is_open_comes_first_and_one_that_is_over_not_at_all():
    assert next(maintenance.occurrences(NIGHTLY, 2 * HOUR, since=NOW)) == _at(2, 2)
    assert list(islice(maintenance.occurrences(NIGHTLY, HOUR, since=NOW), 2)) == [_at(26), _at(50)]


def test_a_length_is_of_real_time_also_where_clocks_change():
    spring = triggers.build("cron", {"expression": "0 1 * * *", "timezone": "Europe/Berlin"})
    found = next(maintenance.occurrences(spring, 4 * HOUR, since=datetime(2026, 3, 29, tzinfo=UTC)))
    assert found == Occurrence(datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC))


def test_it_covers_its_beginning_and_not_its_end():
    assert _at(2).covers(_at(2).opens_at)
    assert not _at(2).covers(_at(2).closes_at)


def test_windows_that_follow_on_one_another_end_with_the_last():
    assert maintenance.end_of(NOW, [_at(3.5), _at(3, 0.5), _at(9)]) == _at(3.5).closes_at
    assert maintenance.end_of(NOW, [_at(4), _at(1)]) is None


def test_what_lies_behind_an_opening_is_not_planned():
    soon = _at(3.1)
    assert maintenance.clear_until(NOW, NOW + HOUR, [soon, _at(2.5)]) == soon.opens_at - timedelta(microseconds=1)
    assert maintenance.clear_until(NOW, NOW + HOUR, [_at(9)]) == NOW + HOUR


def test_one_that_opens_before_it_has_closed_is_found():
    assert maintenance.overlapping(NIGHTLY, 24 * HOUR, since=NOW) is None
    assert maintenance.overlapping(NIGHTLY, 24.1 * HOUR, since=NOW) == (_at(2, 24.1), _at(26, 24.1))


def test_an_occurrence_is_cut_to_the_time_in_which_its_rule_was_in_force():
    assert _at(2).cut(_at(2.5).opens_at, None) == _at(2.5, 0.5)
    assert _at(2).cut(None, _at(2.5).opens_at) == _at(2, 0.5)
    assert _at(2).cut(_at(3).opens_at, None) is None
