"""What a key may do is in its scopes; what it may not see is null."""

from __future__ import annotations

import pytest

from tenants.rules.permissions import OF_TENANTS
from tests.support import rows
from tests.support.actors import Api


@pytest.fixture
def with_scopes(owner):
    def api(*scopes):
        answer = owner.api.post("/api/v1/api-keys", {"name": "narrow", "scopes": scopes})
        return Api(answer.json()["key"])

    return api


NEEDS = {
    ("GET", "jobs"): "jobs:read", ("GET", "schedules"): "jobs:read", ("GET", "job-types"): "jobs:read",
    ("GET", "callables"): "jobs:read", ("GET", "queues"): "jobs:read", ("GET", "queues/default/shares"): "jobs:read", ("GET", "workers"): "jobs:read", ("GET", "jobs/nightly/next"): "jobs:read", ("GET", "jobs/nightly/executions"): "executions:read",
    ("POST", "schedules/preview"): "jobs:read", ("GET", "schedules/x/preview"): "jobs:read", ("POST", "jobs"): "jobs:write", ("PATCH", "jobs/nightly"): "jobs:write",
    ("PUT", "jobs/nightly"): "jobs:write", ("PUT", "schedules/x"): "jobs:write", ("POST", "jobs/nightly/rollback"): "jobs:write",
    ("POST", "jobs/nightly/duplicate"): "jobs:write", ("GET", "jobs/nightly/revisions/1"): "jobs:read",
    ("GET", "jobs/nightly/revisions/1/diff"): "jobs:read",
    ("DELETE", "jobs/nightly"): "jobs:write", ("POST", "jobs/nightly/pause"): "jobs:write",
    ("POST", "jobs/nightly/trigger"): "executions:run", ("POST", "executions"): "executions:run",
    ("POST", "schedules/x/backfill"): "executions:run", ("POST", "schedules/x/run-anyway"): "executions:run",
    ("POST", "executions/{id}/run-anyway"): "executions:run", ("POST", "schedules/batch"): "jobs:write",
    ("POST", "executions/batch"): "executions:run", ("POST", "jobs/batch"): "jobs:write",
    ("POST", "executions/{id}/cancel"): "executions:run", ("POST", "executions/{id}/skip"): "executions:run", ("POST", "executions/{id}/replay"): "executions:run",
    ("GET", "executions"): "executions:read", ("GET", "executions/{id}/attempts"): "executions:read",
    ("GET", "dead-letters"): "executions:read", ("GET", "executions/{id}/logs"): "logs:read",
    ("POST", "executions/bulk"): "executions:run", ("GET", "operations"): "executions:read", ("GET", "failure-groups"): "executions:read",
    ("GET", "executions/{id}/artifacts"): "executions:read", ("GET", "artifacts/x"): "executions:read",
    ("GET", "artifacts/x/content"): "payloads:read", ("DELETE", "artifacts/x"): "executions:run",
    ("POST", "operations/{id}/trim"): "executions:run",
    ("GET", "workflow-runs"): "executions:read", ("GET", "workflow-runs/x/graph"): "executions:read",
    ("POST", "workflow-runs/x/cancel"): "executions:run", ("POST", "workflow-runs/x/resume"): "executions:run",
    ("POST", "workflow-runs/x/rerun"): "executions:run", ("POST", "workflow-runs/x/steps/load/skip"): "executions:run",
    ("GET", "approvals"): "executions:read", ("POST", "approvals/x/approve"): "executions:run",
    ("POST", "approvals/x/reject"): "executions:run",
    ("POST", "failure-groups/x/retry"): "executions:run", ("POST", "failure-groups/x/resolve"): "executions:run",
    ("GET", "jobs/nightly/explain"): "jobs:read", ("GET", "forecast"): "jobs:read",
    ("GET", "jobs/nightly/stats"): "executions:read", ("GET", "stats"): "executions:read",
    ("GET", "executions/{id}/explain"): "executions:read",
    ("GET", "executions/{id}/stream"): "executions:read", ("GET", "executions/{id}/events"): "executions:read",
    ("GET", "audit-events"): "audit:read", ("GET", "audit-events/head"): "audit:read", ("GET", "audit-events/export"): "audit:read",
    ("GET", "api-keys"): "admin", ("POST", "api-keys"): "admin",
    ("GET", "calendars"): "jobs:read", ("POST", "calendars"): "jobs:write", ("GET", "calendars/x/days"): "jobs:read",
    ("GET", "calendars/x/ical"): "jobs:read", ("POST", "calendars/x/import"): "jobs:write", ("POST", "calendars/x/refresh"): "jobs:write",
    ("GET", "templates"): "jobs:read", ("GET", "templates/cache-refresh"): "jobs:read", ("POST", "templates"): "jobs:write",
    ("PATCH", "templates/x"): "jobs:write", ("DELETE", "templates/x"): "jobs:write", ("POST", "templates/x/preview"): "jobs:write",
    ("POST", "templates/x/instantiate"): "jobs:write",
    ("GET", "dependencies"): "jobs:read", ("POST", "dependencies"): "jobs:write", ("PATCH", "dependencies/x"): "jobs:write",
    ("DELETE", "dependencies/x"): "jobs:write", ("POST", "dependencies/validate"): "jobs:write",
    ("GET", "dependencies/graph"): "jobs:read",
    ("GET", "events"): "executions:read", ("POST", "events"): "executions:run", ("GET", "hooks"): "jobs:read", ("POST", "hooks"): "jobs:write",
    ("PATCH", "hooks/x"): "jobs:write", ("DELETE", "hooks/x"): "jobs:write", ("GET", "hooks/x/deliveries"): "executions:read",
    ("POST", "hooks/x/rotate-token"): "jobs:write", ("POST", "hooks/x/rotate-secret"): "jobs:write",
    ("POST", "hooks/x/enable"): "jobs:write", ("POST", "hooks/x/disable"): "jobs:write",
    ("GET", "tags"): "jobs:read", ("POST", "tags/x/pause"): "jobs:write", ("POST", "tags/x/resume"): "jobs:write",
    ("GET", "maintenance-windows"): "jobs:read", ("POST", "maintenance-windows"): "jobs:write",
    ("POST", "maintenance-windows/x/end"): "jobs:write", ("GET", "maintenance-windows/x/next"): "jobs:read",
    ("GET", "secrets"): "secrets:write", ("POST", "secrets"): "secrets:write", ("GET", "secrets/x"): "secrets:write",
    ("GET", "secrets/x/versions"): "secrets:write", ("GET", "secrets/x/used-by"): "secrets:write",
    ("POST", "secrets/x/test"): "secrets:write", ("GET", "connection-types"): "secrets:write",
    ("GET", "executors"): "jobs:read", ("GET", "executors/x"): "jobs:read", ("POST", "executors"): "executors:serve",
    ("POST", "executors/x/heartbeat"): "executors:serve", ("POST", "executors/x/claim"): "executors:serve",
    ("POST", "executors/x/leave"): "executors:serve", ("POST", "executors/x/activate"): "jobs:write",
    ("POST", "executors/x/deactivate"): "jobs:write", ("DELETE", "executors/x"): "jobs:write",
    **{("POST", f"executions/x/{verb}"): "executors:serve" for verb in ("start", "log", "progress", "complete", "fail", "cancelled", "release")},
}  # fmt: skip


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_route_needs_its_scope_and_no_other_will_do(owner, make_job, with_scopes, method, path):
    job = make_job()
    execution = rows.execution((job["id"], owner.tenant.id))
    needed = NEEDS[method, path]
    path = f"/api/v1/{path}".format(id=execution)
    others = with_scopes(*(scope for scope in OF_TENANTS if scope not in (needed, "admin")))
    answer = others.send(method, path, {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "MISSING_SCOPE")
    assert answer.json()["error"]["details"]["required"] == needed
    assert with_scopes(needed).send(method, path, {}).status_code != 403


def test_teammate_may_look_and_change_nothing(owner, teammate, make_job):
    make_job()
    assert teammate.api.get("/api/v1/jobs/nightly").status_code == 200
    assert teammate.api.delete("/api/v1/jobs/nightly").status_code == 403


def test_payloads_and_results_are_null_without_their_scope(owner, make_job, with_scopes):
    job = make_job(
        payload={"duration_seconds": 1},
        schedules=[{"kind": "cron", "expression": "0 0 * * *", "payload": {"fail_rate": 0}}],
    )
    rows.execution((job["id"], owner.tenant.id), "succeeded", result={"a": 1})
    blind = with_scopes("jobs:read", "executions:read")
    shown = blind.get("/api/v1/jobs/nightly").json()
    assert (shown["payload"], shown["schedules"][0]["payload"]) == (None, None)
    assert blind.get("/api/v1/jobs/nightly/revisions").json()["data"][0]["payload"] is None
    run = blind.get("/api/v1/executions").json()["data"][0]
    assert (run["payload"], run["result"]) == (None, None)
    run = owner.api.get("/api/v1/executions").json()["data"][0]
    assert (run["payload"], run["result"]) == ({"duration_seconds": 1}, {"a": 1})
