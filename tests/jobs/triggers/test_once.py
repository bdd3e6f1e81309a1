"""A single slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import triggers
from jobs.rules.slots import Slot
from jobs.triggers.contract import InvalidSchedule

RUN_AT = datetime(2026, 5, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_slot_comes_once_from_either_side() -> None:
    local = datetime.fromisoformat("2026-05-01T11:00:00+02:00")
    trigger = triggers.build("once", {"run_at": local, "timezone": "Europe/Berlin"})
    slot = Slot(RUN_AT, "2026-05-01T09:00:00+00:00")
    assert list(trigger.after(RUN_AT - SECOND)) == [slot]
    assert list(trigger.after(RUN_AT)) == []
    assert list(trigger.before(RUN_AT, RUN_AT)) == [slot]
    assert list(trigger.before(RUN_AT - SECOND, RUN_AT - 5 * SECOND)) == []
    assert trigger.count(RUN_AT - SECOND, RUN_AT) == 1
    assert trigger.count(RUN_AT, RUN_AT + SECOND) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"run_at": "2026-05-01T09:00:00Z"},
        {"run_at": RUN_AT.replace(tzinfo=None)},
        {"run_at": RUN_AT, "end_at": RUN_AT},
        {"run_at": RUN_AT, "start_at": RUN_AT + SECOND},
        {"run_at": RUN_AT.replace(year=1969)},
    ],
)
def test_a_bad_instant_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        triggers.build("once", fields)
    assert refusal.value.field == "run_at"
