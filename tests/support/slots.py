"""An hourly schedule and the slots of its last hours, each with what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobs.rules import identity
from tests.support import rows

HOUR = timedelta(hours=1)


def _top() -> datetime:
    return rows.now().replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Hours:
    """The slots ``at(0)``, the newest, ``at(1)`` an hour before, and so on."""

    job: Any
    schedule: UUID
    top: datetime = field(default_factory=_top)

    def at(self, back: int) -> datetime:
        return self.top - back * HOUR

    def wish(self, back: int, **more: Any) -> dict[str, Any]:
        """A backfill's body that is about the slots from ``at(back)`` to ``at(0)``."""
        until = self.top + timedelta(milliseconds=1)
        return {"from": self.at(back).isoformat(), "until": until.isoformat(), "reason": "because", **more}

    def live(self, back: int, state: str, **columns: Any) -> UUID:
        """What the schedule itself made of a slot."""
        at = self.at(back)
        slot = {
            "id": identity.slot_id(self.schedule, "run", at.isoformat(), at),
            "schedule_id": self.schedule,
            "scheduled_for": at,
        }
        return rows.execution(self.job, state, trigger="schedule", **slot, **columns)

    def made(self, columns: str = "id") -> list[Any]:
        """What backfills made, in the order in which it may start."""
        query = f"SELECT {columns} FROM execution WHERE job_id = %s AND trigger = 'backfill' ORDER BY not_before"
        return rows.fetch(query, self.job[0])

    def slots(self, state: str | None = None) -> list[int]:
        """For which slots they were made, in their order."""
        found = self.made("scheduled_for, state")
        return [int((self.top - at) / HOUR) for at, stands in found if state in (None, stands)]


def hourly(of: Any, **columns: Any) -> Hours:
    """A new one of a job."""
    return Hours(of, rows.schedule(of, expression="0 * * * *", **columns))


def end(hours: Hours, state: str = "succeeded", *, limit: int = 1000) -> None:
    """So many of what backfills made and has not ended ends."""
    rows.change(
        """UPDATE execution SET state = %s, started_at = now(), finished_at = now(), waiting_on = '' WHERE id IN (
            SELECT id FROM execution WHERE job_id = %s AND trigger = 'backfill' AND finished_at IS NULL
            ORDER BY scheduled_for LIMIT %s)""",
        state, hours.job[0], limit,
    )  # fmt: skip


def backfill_path(hours: Hours) -> str:
    """Where a backfill of the schedule is asked for."""
    return f"/api/v1/schedules/{hours.schedule}/backfill"


def backfill(owner: Any, hours: Hours, back: int, **more: Any) -> dict[str, Any]:
    """One of the hours from so many back until now, as it is answered."""
    answer = owner.api.post(backfill_path(hours), hours.wish(back, **more))
    assert answer.status_code == 202, answer.content
    told: dict[str, Any] = answer.json()
    return told
