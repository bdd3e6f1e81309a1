"""Schedules that wait for events: which names they take, and that no clock moves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs import triggers
from jobs.triggers import event

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "awaited", ["order.paid", "order.*", "*", "pull_request", "Shop:order/paid.v-2", "a." * 9 + "b"]
)
def test_names_and_names_that_end_with_a_star_can_be_waited_for(awaited):
    trigger = triggers.build("event", {"event": awaited})
    assert (list(trigger.after(NOW)), list(trigger.before(NOW, NOW - timedelta(days=1)))) == ([], [])
    assert trigger.count(NOW, NOW + timedelta(days=365)) == 0


@pytest.mark.parametrize(
    "awaited",
    ["", ".", "a.", ".a", "a..b", "*.paid", "or*", "a b", "ä", "a\n", "a" * 101, "a." * 10 + "b", "{{ x }}", 7],
)
def test_other_names_are_refused_by_field(awaited):
    with pytest.raises(triggers.InvalidSchedule) as refused:
        triggers.build("event", {"event": awaited})
    assert refused.value.field == "event"


def test_it_needs_its_event_and_no_field_of_another_kind():
    with pytest.raises(triggers.InvalidSchedule, match="is required"):
        triggers.build("event", {})
    with pytest.raises(triggers.InvalidSchedule) as refused:
        triggers.build("event", {"event": "a", "expression": "* * * * *"})
    assert refused.value.field == "expression"


def test_an_event_reaches_those_that_wait_for_its_name_or_its_beginning():
    assert event.awaited("order.paid.eu") == ["order.paid.eu", "*", "order.*", "order.paid.*"]
    assert event.awaited("push") == ["push", "*"]


@pytest.mark.parametrize("name", ["order.*", "*", "", "a" * 101, "a b"])
def test_an_event_itself_has_a_whole_name(name):
    with pytest.raises(ValueError, match="must be at most ten words"):
        event.check_name(name)
