"""Executors over the API: registering, looking, switching on and off; and who may."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support import actors, cases, executors, rows
from tests.support.executors import SERVE

VERBS = ("start", "log", "progress", "complete", "fail", "cancelled", "release")


def test_registering_again_changes_it_and_keeps_the_lease_of_the_same_process(owner: Any) -> None:
    serve = actors.with_scopes(owner, [SERVE]).api
    body = {"name": "alpha", "queues": [executors.queue()], "capabilities": ["gpu"], "instance": "one"}
    first, again = (serve.post("/api/v1/executors", body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["id"], again.json()["lease"]) == (first.json()["id"], first.json()["lease"])
    other = serve.post("/api/v1/executors", {**body, "instance": "two", "capabilities": ["cpu"]}).json()
    assert (other["id"], other["capabilities"]) == (first.json()["id"], ["cpu"])
    assert other["lease"] != first.json()["lease"]
    beat = serve.post(f"/api/v1/executors/{other['id']}/heartbeat", {"lease": first.json()["lease"]})
    assert (beat.status_code, beat.json()["error"]["code"]) == (409, "LEASE_TAKEN")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("queues", ["default"]), ("queues", ["there-is-none"]), ("queues", []), ("capabilities", ["Not One"]), ("name", "a/b"),
        ("name", ""), ("max_concurrent", 0),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(owner: Any, field: str, wrong: Any) -> None:
    body = {"name": "alpha", "queues": [executors.queue()], field: wrong}
    answer = owner.api.post("/api/v1/executors", body)
    assert answer.status_code == 422
    assert next(iter(answer.json()["error"]["details"])).startswith(field)


def test_a_queue_that_is_not_granted_is_refused(owner: Any) -> None:
    rows.change("UPDATE tenant SET allowed_queues = '[\"default\"]' WHERE id = %s", owner.tenant.id)
    answer = owner.api.post("/api/v1/executors", {"name": "alpha", "queues": [executors.queue()]})
    assert list(answer.json()["error"]["details"]) == ["queues"]


@pytest.mark.parametrize(("job_type", "pool"), [("external", "prefork"), ("dummy", "external")])
def test_a_job_is_on_a_queue_of_what_runs_it(owner: Any, job_type: str, pool: str) -> None:
    name = f"q-{uuid4().hex[:8]}"
    rows.insert("queue", name=name, pool=pool, created_at=rows.now())
    answer = owner.api.post("/api/v1/jobs", {"name": "a", "type": job_type, "queue": name})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["queue"])


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"capabilities": ["{{ tenant.slug }}"]}, "payload.capabilities"),
        ({"executor": "{{ tenant.slug }}"}, "payload.executor"),
        ({"capabilities": ["Not One"]}, "payload.capabilities[0]"),
    ],
)
def test_what_routes_a_job_is_literal(owner: Any, payload: Any, field: str) -> None:
    body = {"name": "a", "type": "external", "queue": executors.queue(), "payload": payload}
    answer = owner.api.post("/api/v1/jobs", body)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def test_one_that_holds_something_is_not_deleted_and_one_that_was_is_refused(owner: Any) -> None:
    alpha = executors.play(owner)
    executors.triggered(owner, executors.job(owner, alpha.queue))
    (claimed,) = alpha.claim()
    assert owner.api.get(f"/api/v1/executors/{alpha.id}").json()["running"] == 1
    assert owner.api.delete(f"/api/v1/executors/{alpha.id}").status_code == 409
    alpha.report(claimed, "complete")
    assert owner.api.delete(f"/api/v1/executors/{alpha.id}").status_code == 204
    assert alpha.beat().status_code == 404


def test_its_state_is_told_and_changed_once(owner: Any) -> None:
    alpha = executors.play(owner)
    path = f"/api/v1/executors/{alpha.id}"
    assert owner.api.get(path).json()["allowed_actions"] == ["deactivate"]
    assert owner.api.post(f"{path}/deactivate").json()["state"] == "inactive"
    assert owner.api.post(f"{path}/deactivate").json()["error"]["code"] == "INVALID_STATE"
    assert [each["id"] for each in owner.api.get("/api/v1/executors", state="inactive").json()["data"]] == [alpha.id]
    assert owner.api.post(f"{path}/activate").json()["state"] == "active"


def test_a_key_of_an_executor_may_do_nothing_else(owner: Any) -> None:
    serve = actors.with_scopes(owner, [SERVE]).api
    with cases.each() as case:
        for path in ("jobs", "executions", "executors", "secrets", "queues", "workers", "audit-events", "api-keys"):
            with case(path):
                assert serve.get(f"/api/v1/{path}").status_code == 403
        for path in ("jobs", "executions", "events", "executors/x/deactivate", "executions/x/cancel"):
            with case(f"post {path}"):
                assert serve.post(f"/api/v1/{path}").status_code == 403


def test_nobody_reports_of_another_tenants_execution_or_claims_for_its_executor(owner: Any, outsider: Any) -> None:
    alpha = executors.play(owner)
    run = executors.triggered(owner, executors.job(owner, alpha.queue))
    (claimed,) = alpha.claim()
    theirs = executors.play(outsider, on=alpha.queue)
    bodies = {"log": {"chunk": 1, "lines": []}, "progress": {"fraction": 1}, "fail": {"message": ""}}
    with cases.each() as case:
        for verb in VERBS:
            with case(verb):
                answer = theirs.report(claimed, verb, **bodies.get(verb, {}))
                assert answer.status_code in (404, 422)
                assert verb == "fail" or answer.status_code == 404
        for verb in ("heartbeat", "claim", "leave"):
            with case(verb + " for another"):
                answer = theirs.post(f"executors/{alpha.id}/{verb}", {"lease": alpha.lease})
                assert answer.status_code == 404
    assert rows.state_of(run) == "running"


def test_explain_says_whom_it_waits_for(owner: Any) -> None:
    queue = executors.queue()
    made = executors.job(owner, queue, payload={"capabilities": ["gpu", "eu"]})
    run = executors.triggered(owner, made)

    def summary() -> str:
        told = owner.api.get(f"/api/v1/executions/{run}/explain").json()
        assert told["reasons"][0]["code"] == "AWAITING_EXECUTOR"
        return str(told["summary"])

    assert "an executor with the capabilities eu, gpu: none is registered for its queue" in summary()
    alpha = executors.play(owner, "alpha", on=queue, capabilities=["gpu", "eu"])
    alpha.lapse()
    assert "none is active" in summary()
    alpha.beat()
    executors.engine()
    assert "alpha has room and will claim it" in summary()
    alpha.claim()
    run = executors.triggered(owner, made)
    assert "it is busy" in summary()


def test_explain_of_a_job_says_that_nobody_would_claim_it(owner: Any) -> None:
    queue = executors.queue()
    made = executors.job(owner, queue, payload={"capabilities": ["gpu"]})

    def told() -> dict[str, str]:
        reasons = owner.api.get(f"/api/v1/jobs/{made['id']}/explain").json()["reasons"]
        return {reason["code"]: reason["message"] for reason in reasons}

    assert "gpu, and none is registered for its queue" in told()["NO_EXECUTOR"]
    alpha = executors.play(owner, "alpha", on=queue, capabilities=["gpu"])
    assert "NO_EXECUTOR" not in told()
    alpha.lapse()
    assert "gpu, and none is active" in told()["NO_EXECUTOR"]
    assert "NO_WORKER" not in told()
