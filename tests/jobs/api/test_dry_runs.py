"""A dry run is the request itself, taken back: it says what the real one then does, and leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.api.dry_runs import DRY_RUN
from tests.jobs.api import test_graph_dry_runs, test_other_dry_runs
from tests.support import api_routes, console, dry_runs, rows
from tests.support.actors import Api
from tests.support.dry_runs import DRY

CRON = {"kind": "cron", "expression": "0 0 * * *"}
INTERVAL = {"kind": "interval", "interval_seconds": 86_400, "start_at": "2026-01-01T00:00:00Z"}
NIGHTLY = "/api/v1/jobs/nightly"
JOB = {"name": "nightly", "type": "dummy", "payload": {"duration_seconds": 1}, "schedules": [CRON, INTERVAL]}
#: (method, route): whether the job is there before, the path's end, a body.
CALLS: dict[tuple[str, str], tuple[bool, str, Any]] = {
    ("post", "jobs"): (False, "jobs", JOB),
    ("put", "jobs/<str:id>"): (True, "jobs/nightly", {"type": "dummy", "schedules": [{**CRON, "misfire": "all"}, {"kind": "interval", "interval_seconds": 43_200, "start_at": "2026-01-01T00:00:00Z"}, CRON]}),
    ("patch", "jobs/<str:id>"): (True, "jobs/nightly", {"timeout_seconds": 7, "payload": {"fail_rate": 0, "duration_seconds": None}, "tags": ["a"]}),
    ("delete", "jobs/<str:id>"): (True, "jobs/nightly", None),
    ("post", "jobs/<str:id>/rollback"): (True, "jobs/nightly/rollback", {"revision": 1}),
    ("post", "jobs/<str:id>/duplicate"): (True, "jobs/nightly/duplicate", {"name": "another", "schedules": "same"}),
    ("post", "schedules"): (True, "schedules", {**INTERVAL, "job": "nightly"}),
    ("put", "schedules/<str:id>"): (True, "schedules/{schedule}", {**CRON, "expression": "0 6 * * *", "payload": {"fail_rate": 0}}),
    ("patch", "schedules/<str:id>"): (True, "schedules/{schedule}", {"timezone": "Asia/Tokyo"}),
    ("delete", "schedules/<str:id>"): (True, "schedules/{schedule}", None),
}  # fmt: skip


def declaring() -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in api_routes.ALL
        for method, action in route.actions.items()
        if DRY_RUN in getattr(route.view, "query_parameters", {}).get(action, ())
    }


def test_every_route_that_can_be_tried_is_tried_here() -> None:
    assert declaring() == set(CALLS) | set(test_other_dry_runs.CALLS) | test_graph_dry_runs.CALLS


@pytest.fixture
def at(owner: Any) -> Any:
    """The address of a call, in the world it needs."""

    def arrange(call: tuple[str, str]) -> str:
        there, path, _ = CALLS[call]
        if not there:
            return f"/api/v1/{path}"
        made = owner.api.post("/api/v1/jobs", JOB)
        assert made.status_code == 201, made.content
        assert owner.api.patch(NIGHTLY, {"payload": {"duration_seconds": 2}}).json()["revision"] == 2
        owner.api.post(f"{NIGHTLY}/trigger", {})
        return f"/api/v1/{path.format(schedule=made.json()['schedules'][0]['id'])}"

    return arrange


def shown(owner: Any, answer: Any, noun: str) -> Any:
    """What is stored now of what a real call answered, without what no dry run can know."""
    if answer.status_code == 204:
        return None
    return _known(owner.api.get(f"/api/v1/{noun}s/{answer.json()['id']}").json())


def _known(value: Any) -> Any:
    unknown = {"id", "job", "created_at", "updated_at"}
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items() if name not in unknown}
    return [_known(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_it_leaves_no_row_changed_and_says_what_the_real_call_then_does(
    owner: Any, at: Any, call: tuple[str, str]
) -> None:
    path, body = at(call), CALLS[call][2]
    told = dry_runs.told(owner.api, call[0], path, body)
    before = console.contents()
    noun = "schedule" if path.startswith("/api/v1/schedules") else "job"
    assert set(told) == {"dry_run", "outcome", "diff", "next", noun}
    assert told["dry_run"] is True
    again = owner.api.ask(call[0], path + DRY, body).json()
    assert _known(again["diff"]) == _known(told["diff"])

    real = owner.api.ask(call[0], path, body)
    assert real.status_code in (200, 201, 204), real.content
    assert _known(told[noun]) == shown(owner, real, noun)
    outcome = {201: "created", 204: "deleted"}.get(real.status_code, "updated")
    assert told["outcome"] == outcome
    assert bool(told["next"]) == (outcome != "deleted")
    assert console.contents() != before
    for field, (old, new) in told["diff"].items():
        assert old != new, field


def test_it_is_refused_as_the_real_call_would_be(owner: Any, teammate: Any, at: Any) -> None:
    made = at(("patch", "schedules/<str:id>")).rpartition("/")[2]
    for (method, route), (_, end, body) in CALLS.items():
        path = f"/api/v1/{end.format(schedule=made)}"
        assert teammate.api.ask(method, path + DRY, body).status_code == 403
        if method != "delete":
            answers = [owner.api.ask(method, path + query, {"nonsense": 1}).status_code for query in (DRY, "")]
            assert answers == [400, 400]
        if "<" in route:
            assert owner.api.ask(method, path + DRY, body, If_Match='"another"').status_code == 412


def test_a_quota_holds_for_what_is_only_tried(owner: Any) -> None:
    rows.change("UPDATE tenant SET max_jobs = 0 WHERE id = %s", owner.tenant.id)
    answer = owner.api.post(f"/api/v1/jobs{DRY}", JOB)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTA_EXCEEDED")


def test_what_changes_nothing_is_told_so(owner: Any, make_job: Any) -> None:
    make_job()
    for method, body in (("put", {"type": "dummy"}), ("patch", {"priority": 5})):
        told = owner.api.ask(method, NIGHTLY + DRY, body).json()
        assert (told["outcome"], told["diff"]) == ("unchanged", {})


def test_false_is_the_real_thing_and_anything_else_is_refused(owner: Any, make_job: Any) -> None:
    make_job()
    assert owner.api.patch(f"{NIGHTLY}?dry_run=false", {"priority": 1}).json()["priority"] == 1
    for query in ("?dry_run=1", "?dry_run=", "?dry_run=true&dry_run=false", "?dryrun=true"):
        assert owner.api.patch(NIGHTLY + query, {"priority": 2}).status_code in (400, 422)
    assert owner.api.post(f"{NIGHTLY}/pause{DRY}").status_code == 400
    assert owner.api.get(NIGHTLY).json()["priority"] == 1
    assert owner.api.get(NIGHTLY).json()["state"] == "active"


def test_who_may_see_no_payload_is_told_only_that_it_differs(owner: Any) -> None:
    owner.api.post("/api/v1/jobs", JOB)
    key = owner.api.post("/api/v1/api-keys", {"name": "blind", "scopes": ["jobs:read", "jobs:write"]}).json()["key"]
    told = (
        Api(key)
        .put(NIGHTLY + DRY, {**JOB, "payload": {"fail_rate": 0}, "schedules": [{**CRON, "payload": {"fail_rate": 1}}]})
        .json()
    )
    assert told["diff"]["payload"] == [None, None]
    assert [[each["payload"] for each in side] for side in told["diff"]["schedules"]] == [[None, None], [None]]
    assert (told["job"]["payload"], told["job"]["schedules"][0]["payload"]) == (None, None)
    assert "fail_rate" not in str(told)
