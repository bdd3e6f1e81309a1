"""Whoever comes while another request holds a job is told which job, and to try again."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import role_settings, rows, servers


@pytest.fixture
def held(owner):
    """A job named nightly with a schedule, locked by somebody else's transaction; and its paths."""
    job = rows.job(owner.tenant.id, name="nightly")
    schedule = rows.schedule(job)
    with role_settings.of(("app",), lock_timeout=50), psycopg.connect(servers.URLS["super"]) as other:
        other.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [job[0]])
        other.execute("SELECT FROM schedule WHERE id = %s FOR UPDATE", [schedule])
        yield {"job": "/api/v1/jobs/nightly", "schedule": f"/api/v1/schedules/{schedule}"}
        other.rollback()


@pytest.mark.parametrize(
    ("noun", "what"), [("job", "pause"), ("job", "delete"), ("job", "patch"), ("schedule", "pause")]
)
def test_a_held_job_is_named_and_nothing_is_changed(owner: Any, held: Any, noun: str, what: str) -> None:
    before = rows.fetch("SELECT state, updated_at FROM job WHERE name = 'nightly' AND tenant_id = %s", owner.tenant.id)
    if what == "patch":
        answer = owner.api.patch(held[noun], {"priority": 1})
    else:
        answer = owner.api.delete(held[noun]) if what == "delete" else owner.api.post(f"{held[noun]}/{what}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]) == (409, "TASK_LOCKED", {"job": "nightly"})
    assert answer["Retry-After"] == "2"
    assert "'nightly'" in error["message"]
    assert (
        rows.fetch("SELECT state, updated_at FROM job WHERE name = 'nightly' AND tenant_id = %s", owner.tenant.id)
        == before
    )
