"""Schedules that fire every second, and the account of their slots."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.stack import Stack, wait_for

_OF_SCHEDULE = "FROM execution WHERE schedule_id = %s AND scheduled_for <= clock_timestamp()"


@dataclass(frozen=True)
class Account:
    """What became of every slot between a schedule's first and its last."""

    missing: list[Any]
    doubled: list[Any]
    states: set[str]
    #: Seconds from the slot to the start of its first attempt.
    latest: float


def every_second(carillon: Stack, name: str, **payload: Any) -> str:
    """A dummy job due each second, each run for itself; returns its schedule's id."""
    job = carillon.api.post("jobs", {
        "name": name, "type": "dummy", "payload": payload, "overlap": "allow",
        "schedules": [{"kind": "cron", "expression": "* * * * * *", "misfire": "all"}],
    })  # fmt: skip
    identifier: str = job["schedules"][0]["id"]
    return identifier


def ended(carillon: Stack, schedule: str) -> int:
    """How many of its slots have run."""
    count: int = carillon.value(f"SELECT count(*) {_OF_SCHEDULE} AND state = 'succeeded'", schedule)
    return count


def stop(carillon: Stack, schedule: str) -> Account:
    """Pause it, wait until everything due has ended, and account for every second it was on."""
    carillon.api.post(f"schedules/{schedule}/pause")
    live = "SELECT count(*) FROM execution WHERE schedule_id = %s AND finished_at IS NULL"  # planned ahead ones too
    wait_for(lambda: carillon.value(live, schedule) == 0, 60, "every slot's execution has ended")
    rows = carillon.query(
        f"""SELECT scheduled_for AS slot, state, started_at, (SELECT min(started_at) FROM attempt
            WHERE execution_id = execution.id) AS begun {_OF_SCHEDULE} ORDER BY 1""",
        schedule,
    )
    count = Counter(row.slot for row in rows)
    first, last = rows[0].slot, rows[-1].slot
    wanted = [first + timedelta(seconds=place) for place in range(round((last - first).total_seconds()) + 1)]
    return Account(
        missing=[slot for slot in wanted if slot not in count],
        doubled=[slot for slot, times in count.items() if times > 1],
        states={row.state for row in rows},
        latest=max((row.begun - row.slot).total_seconds() for row in rows if row.begun),
    )
