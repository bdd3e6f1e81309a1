"""Beat killed: slots go on, none late by more than five seconds, none lost or doubled."""

from __future__ import annotations

from typing import Any

from tests.acceptance import slots
from tests.support.patience import slowness
from tests.support.stack import Stack, wait_for


def test_slots_go_on_while_beat_is_dead_and_when_it_is_back(carillon: Stack) -> None:
    schedule = slots.every_second(carillon, "beside-beat")
    wait_for(lambda: slots.ended(carillon, schedule) >= 3, 90, "three slots with beat")
    carillon.kill("beat")
    before = slots.ended(carillon, schedule)
    wait_for(lambda: slots.ended(carillon, schedule) >= before + 8, 40, "eight slots without beat")
    rung_at = _rung_at(carillon)
    carillon.start("beat")
    wait_for(lambda: _rung_at(carillon) > rung_at, 90, "the new beat rings")
    before = slots.ended(carillon, schedule)
    wait_for(lambda: slots.ended(carillon, schedule) >= before + 3, 90, "three slots with the new beat")

    seen = slots.stop(carillon, schedule)
    assert seen.missing == []
    assert seen.doubled == []
    assert seen.states == {"succeeded"}
    assert seen.latest < 5 * slowness()


def _rung_at(carillon: Stack) -> Any:
    return carillon.value("SELECT at FROM pulse WHERE name = 'ring'")
