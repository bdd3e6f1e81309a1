"""What every kind refuses in its common fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import triggers
from jobs.triggers.contract import InvalidSchedule, Spec

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"colour": "red"}, "colour", "unknown field"),
        ({"timezone": "Europe/Berln"}, "timezone", "unknown time zone 'Europe/Berln'"),
        ({"timezone": None}, "timezone", "IANA"),
        ({"dst_gap": "jump"}, "dst_gap", "run_after_gap, skip"),
        ({"dst_fold": ["first"]}, "dst_fold", "first, second, both"),
        ({"start_at": "2026-01-01"}, "start_at", "must be a date and time"),
        ({"start_at": datetime(2026, 1, 1)}, "start_at", "no UTC offset"),  # noqa: DTZ001 - refused for it
        ({"end_at": datetime(1969, 12, 31, tzinfo=UTC)}, "end_at", "between 1970"),
        ({"end_at": datetime(9999, 12, 31, tzinfo=UTC)}, "end_at", "between 1970"),
        ({"start_at": START, "end_at": START}, "end_at", "later than start_at"),
        ({"interval_seconds": 60}, "interval_seconds", "no meaning"),
        ({"run_at": START}, "run_at", "no meaning"),
        ({"expression": None}, "expression", "is required"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        triggers.build("cron", {"expression": "0 0 * * *", **fields})
    assert refusal.value.field == field
    assert message in refusal.value.message


def test_a_spec_object_is_checked_like_a_mapping() -> None:
    with pytest.raises(InvalidSchedule, match="timezone"):
        triggers.build("cron", Spec(expression="0 0 * * *", timezone="Nowhere"))
    slots = triggers.build("cron", Spec(expression="0 0 * * *", start_at=START)).after(START - timedelta(days=9))
    assert next(slots).at == START


def test_an_unknown_kind_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(
        InvalidSchedule, match="unknown kind 'moon'; known are calendar, cron, event, interval, once, rrule"
    ):
        triggers.build("moon", {})


def test_a_kind_can_be_added_but_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_kinds", {})
    triggers.register("every_new_year", triggers.cron.build)
    assert triggers.kinds() == ("every_new_year",)
    assert next(triggers.build("every_new_year", {"expression": "@yearly"}).after(START)).at.year == 2027
    with pytest.raises(ValueError, match="already registered"):
        triggers.register("every_new_year", triggers.once.build)
