"""A tenant that is suspended while it works: what runs ends, nothing starts, and on activation its policies decide."""

from __future__ import annotations

import secrets

import pytest

from tests.acceptance import slots
from tests.support import stack_tenants
from tests.support.stack import Stack, wait_for
from tests.support.stack_api import Api

SCHEDULE = {"kind": "cron", "expression": "* * * * * *", "misfire": "skip", "misfire_grace_seconds": 1}

QUEUED = "SELECT count(*) FROM execution e JOIN tenant t ON t.id = e.tenant_id WHERE t.slug = %s AND e.state = 'queued'"


@pytest.fixture
def slug() -> str:
    return f"held-{secrets.token_hex(4)}"


def test_a_suspended_tenant_starts_nothing_and_goes_on_by_its_misfire_policies(carillon: Stack, slug: str) -> None:
    keys = stack_tenants.keys(carillon, [{"slug": slug}], operator=f"{slug}-ops")
    held, operator = (Api(carillon.url, keys[name]) for name in (slug, f"{slug}-ops"))
    steady = held.post("jobs", {"name": "steady", "type": "dummy", "overlap": "allow", "schedules": [SCHEDULE]})
    schedule = steady["schedules"][0]["id"]
    long = held.post("jobs", {"name": "long", "type": "dummy", "payload": {"duration_seconds": 6}})["id"]
    wait_for(lambda: slots.ended(carillon, schedule) >= 2, 60, "slots run")
    running = held.trigger(long)
    wait_for(lambda: carillon.value("SELECT state FROM execution WHERE id = %s", running) == "running", 90, "it runs")

    operator.post(f"tenants/{slug}/suspend", {"reason": "a test"})
    refused = held.send("GET", "jobs")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "TENANT_SUSPENDED")
    assert "a test" in refused.json()["error"]["message"]
    # What was claimed in the very moment is running, so it goes on; the sweep takes back what was published.
    wait_for(lambda: carillon.value(QUEUED, slug) == 0, 90, "what was published is taken back")
    since = carillon.value("SELECT clock_timestamp()")
    wait_for(lambda: carillon.value("SELECT finished_at FROM execution WHERE id = %s", running), 90, "what runs ends")
    assert carillon.value("SELECT state FROM execution WHERE id = %s", running) == "succeeded"
    # The engine has gone on meanwhile: another tenant's slots have run.
    other = slots.every_second(carillon, f"other-{slug}")
    wait_for(lambda: slots.ended(carillon, other) >= 4, 60, "another tenant's slots run")
    begun = (
        "SELECT count(*) FROM execution e JOIN tenant t ON t.id = e.tenant_id WHERE t.slug = %s AND e.started_at > %s"
    )
    assert carillon.value(begun, slug, since) == 0

    operator.post(f"tenants/{slug}/activate")
    before = slots.ended(carillon, schedule)
    wait_for(lambda: slots.ended(carillon, schedule) >= before + 2, 60, "its slots run again")
    missed = "SELECT count(*) FROM execution WHERE schedule_id = %s AND state = 'skipped' AND reason = 'PAUSED_TENANT'"
    # Those that run first may be of before, put back when it was suspended.
    wait_for(lambda: carillon.value(missed, schedule) >= 1, 90, "its missed slots are accounted for")
    again = held.trigger(long)
    carillon.api.post(f"schedules/{other}/pause")
    held.post(f"schedules/{schedule}/pause")
    assert held.get(f"executions/{again}")["state"] in ("scheduled", "pending", "queued", "running")
    held.close()
    operator.close()
