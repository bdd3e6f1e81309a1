"""Executions of every kind, known to the test, and lists that look at few rows a page."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.rules import identity, states
from tests.support import actors, rows

ERRORS = {"": "", "TIMEOUT": "took longer than 5 s", "EXECUTION_FAILED": "exit status 7"}
REASONS = ("OVERLAP", "MISFIRE", "DST_GAP")
_ID = "00000000-0000-0000-0000-000000000001"
PARKED = ("", f"job:{_ID}", f"key:{_ID}:1", f"rate:{_ID}", f"slot:{_ID}", f"held:{_ID}")


class World:
    """A tenant's jobs and executions, as a test knows them."""

    def __init__(self) -> None:
        self.owner = actors.owner()
        self.dice = random.Random(7)
        self.workers = [rows.worker(name=name) for name in ("one@a", "two@b")]
        self.jobs = [self._job(name) for name in ("alpha", "alphabet", "beta")]
        self.schedules = [rows.schedule(job) for job in self.jobs]
        self.originals = [uuid4(), uuid4()]
        self.stored: dict[UUID, dict[str, Any]] = {}
        self.start = rows.now().replace(microsecond=0) - timedelta(minutes=10)
        for _ in range(120):
            self.add()

    def _job(self, name: str) -> Any:
        job = rows.job(self.owner.tenant.pk, name=name)
        for tag in {"alpha": ("a", "both"), "beta": ("b", "both")}.get(name, ()):
            rows.insert("job_tag", id=uuid4(), tenant_id=self.owner.tenant.pk, job_id=job[0], tag=tag)
        return job

    def add(self) -> UUID:
        """One more, of any kind."""
        dice, place = self.dice, self.dice.randrange(3)
        state = dice.choice(list(states.State))
        at = self.start + timedelta(seconds=dice.randrange(600))
        slot = dice.random() < 0.5
        error = dice.choice(list(ERRORS)) if state in ("failed", "scheduled") else ""
        columns: dict[str, Any] = {
            "id": identity.request_id(at), "created_at": at, "state": state.value, "trigger": "schedule" if slot else dice.choice(("manual", "replay")),
            "schedule_id": self.schedules[place] if slot else None, "scheduled_for": at if slot else None,
            "folded_until": at + timedelta(seconds=30) if slot and dice.random() < 0.1 else None,
            "triggered_by": "" if slot else dice.choice(("key:1", "user:x@example.com")), "replay_of": None if slot else dice.choice((None, *self.originals)),
            "queue_id": dice.choice(("default", "io")), "reason": dice.choice(REASONS) if state == "skipped" else "", "error_code": error,
            "error_message": ERRORS[error], "error_fingerprint": f"{error}-f" if error else "", "worker_id": dice.choice((None, *self.workers)) if state in states.TERMINAL else None,
            "waiting_on": dice.choice(PARKED) if state == "pending" else "",
            "finished_at": at + timedelta(seconds=dice.randrange(100)) if state in states.TERMINAL else None,
        }  # fmt: skip
        if state == "running":
            columns |= {"worker_id": self.workers[0]}
        found: UUID = rows.execution(self.jobs[place], **columns)
        self.stored[found] = columns | {"job": place}
        return found


@pytest.fixture(scope="module")
def world() -> World:
    """Made once for all tests of a file, which only add to it."""
    return World()
