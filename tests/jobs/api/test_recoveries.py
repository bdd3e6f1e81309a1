"""A recovery over the API: how far it is, how much of it may run at once, what to leave out, and its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support import operations, rows


@pytest.fixture
def recovery(owner) -> UUID:
    return operations.row(owner.tenant.id, kind="recovery", max_active=4, filter=None, conditions={})


def asked(owner: Any, method: str, operation: UUID, path: str = "", body: Any = None) -> tuple[int, Any]:
    answer = owner.api.send(method, f"/api/v1/operations/{operation}{path}", body or {})
    return answer.status_code, answer.json()


def refusal(owner: Any, *request: Any) -> tuple[int, list[str]]:
    status, told = asked(owner, *request)
    return status, sorted(told["error"]["details"])


def test_it_says_its_pace_and_what_may_be_asked_of_it_and_takes_another(owner, recovery):
    _, told = asked(owner, "GET", recovery)
    assert (told["kind"], told["max_active"], told["allowed_actions"]) == ("recovery", 4, ["pause", "cancel", "trim"])
    status, told = asked(owner, "PATCH", recovery, "", {"max_active": 9})
    assert (status, told["max_active"]) == (200, 9)
    assert rows.fetch("SELECT changes FROM audit_event WHERE object_id = %s", str(recovery)) == [
        ({"max_active": [4, 9]},)
    ]


def test_each_kind_has_a_pace_of_its_own(owner, recovery):
    bulk = operations.row(owner.tenant.id)
    assert refusal(owner, "PATCH", bulk, "", {"max_active": 9}) == (422, ["max_active"])
    assert refusal(owner, "PATCH", recovery, "", {"rate_per_second": 9}) == (422, ["rate_per_second"])
    assert refusal(owner, "PATCH", recovery) == (422, ["rate_per_second"])
    for most in (0, 1001, "many", None):
        assert refusal(owner, "PATCH", recovery, "", {"max_active": most}) == (422, ["max_active"])


def test_a_trim_names_one_thing_and_only_a_recovery_that_has_not_ended_takes_it(owner, recovery):
    both = {"keep_newest": 1, "older_than": "2026-01-01T00:00:00Z"}
    for body in ({}, both, {"keep_newest": 0}):
        assert refusal(owner, "POST", recovery, "/trim", body) == (422, ["keep_newest"])
    assert refusal(owner, "POST", recovery, "/trim", {"older_than": "yesterday"}) == (422, ["older_than"])
    status, told = asked(owner, "POST", operations.row(owner.tenant.id), "/trim", {"keep_newest": 1})
    assert (status, told["error"]["code"]) == (409, "CONFLICT")
    asked(owner, "POST", recovery, "/cancel")
    status, told = asked(owner, "POST", recovery, "/trim", {"keep_newest": 1})
    assert (status, told["error"]["code"]) == (409, "INVALID_STATE")


def test_a_second_trim_takes_nothing_back_of_the_first(owner, recovery):
    job = rows.job(owner.tenant.id)
    schedule = rows.schedule(job, state="paused")
    for hours in range(1, 7):
        rows.execution(
            job, "pending", operation_id=recovery, waiting_on=f"op:{recovery}", schedule_id=schedule, trigger="schedule",
            scheduled_for=rows.now() - timedelta(hours=hours),
        )  # fmt: skip
    assert asked(owner, "POST", recovery, "/trim", {"keep_newest": 2})[0] == 200
    assert asked(owner, "POST", recovery, "/trim", {"keep_newest": 5})[0] == 200
    older = (rows.now() - timedelta(hours=1.5)).isoformat()
    assert asked(owner, "POST", recovery, "/trim", {"older_than": older})[0] == 200
    operations.steps({"id": recovery}, 3)
    assert dict(rows.fetch("SELECT state, count(*) FROM execution WHERE operation_id = %s GROUP BY 1", recovery)) == {
        "pending": 1, "skipped": 5,
    }  # fmt: skip


@pytest.mark.parametrize(("state", "code"), [("running", "PACE"), ("paused", "OPERATION_PAUSED")])
def test_what_waits_for_it_says_so(owner, recovery, state, code):
    rows.worker()
    rows.change("UPDATE operation SET state = %s WHERE id = %s", state, recovery)
    job = rows.job(owner.tenant.id)
    for word in ("running", "queued"):
        rows.execution(job, word, operation_id=recovery, priority=-5)
    waits = rows.execution(job, "pending", operation_id=recovery, priority=-5, waiting_on=f"op:{recovery}")
    told = owner.api.get(f"/api/v1/executions/{waits}/explain").json()["reasons"][0]
    assert told["code"] == code
    assert (told["limit"], told["used"]) == ((4, 2) if code == "PACE" else (None, None))
