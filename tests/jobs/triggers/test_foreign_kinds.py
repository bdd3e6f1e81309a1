"""Kinds of schedule from other packages, as settings.SCHEDULE_KIND_PACKAGES names them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from jobs import triggers
from jobs.api.shapes import schedule_unions
from jobs.engine import planner
from jobs.triggers import contract
from jobs.triggers.contract import InvalidSchedule

PACKAGE = "tests.jobs.triggers.foreign"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_kinds", dict(triggers._kinds))
    triggers.load([PACKAGE])
    triggers.load([PACKAGE])  # a second time changes nothing


def test_a_kind_of_another_package_is_planned_like_any_other() -> None:
    assert "solstice" in triggers.kinds()
    unset: dict[str, Any] = dict.fromkeys(contract.STORED)
    row = SimpleNamespace(
        **{**unset, "id": None, "calendars": [], "kind": "solstice", "rule": {"hour": 2}, "timezone": "Europe/Berlin"},
    )
    row.dst_gap, row.dst_fold = "skip", "both"
    slots = islice(planner.trigger_of(row).after(datetime(2026, 7, 1, tzinfo=UTC)), 2)
    assert [slot.nominal for slot in slots] == ["2026-12-21T02:00:00+01:00", "2027-06-21T02:00:00+02:00"]


def test_its_refusals_name_their_field() -> None:
    for spec, field in (({"rule": {}}, "rule.hour"), ({}, "rule"), ({"rule": {"hour": 1}, "event": "x"}, "event")):
        with pytest.raises(InvalidSchedule) as refusal:
            triggers.build("solstice", spec)
        assert refusal.value.field == field


def test_the_api_describes_it_by_its_own_words() -> None:
    member = schedule_unions._only("solstice", unset={name: {} for name in contract.OWN})
    assert member["properties"]["rule"]["required"] == ["hour"]
    assert member["required"] == ["rule"]
    assert triggers.kind("solstice").example == {"rule": {"hour": 12}}


def test_a_name_that_is_taken_or_too_long_or_a_field_that_is_none_stops_the_start() -> None:
    for name, more, message in (
        ("solstice", {}, "already registered"),
        ("a name that no column takes", {}, "1 to 16 characters"),
        ("equinox", {"needs": "moon"}, "needs 'moon', which is none of expression"),
    ):
        with pytest.raises(ValueError, match=message):
            triggers.register(name, triggers.once.build, **more)
