"""/dead-letters: triage of what failed for good."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support import rows


@pytest.fixture
def dead(make_job, owner):
    """A failed execution and its dead letter's path."""
    job = make_job()
    execution = rows.execution((job["id"], owner.tenant.id), "failed")
    identifier = uuid4()
    rows.insert(
        "dead_letter", id=identifier, tenant_id=owner.tenant.id, job_id=job["id"], execution_id=execution, state="open",
        error_code="TIMEOUT", error_message="too slow", error_fingerprint="f", closed_by="", created_at=rows.now(),
    )  # fmt: skip
    return execution, f"/api/v1/dead-letters/{identifier}"


def test_redrive_replays_the_execution_and_closes_the_letter(owner, dead):
    execution, path = dead
    answer = owner.api.post(f"{path}/redrive")
    closed = answer.json()
    assert (answer.status_code, closed["state"], closed["closed_by"][:4]) == (202, "redriven", "key:")
    again = owner.api.get(f"/api/v1/executions/{closed['redriven_as']}").json()
    assert (again["replay_of"], again["trigger"]) == (str(execution), "replay")


def test_discard_closes_the_letter_and_runs_nothing(owner, dead):
    _, path = dead
    closed = owner.api.post(f"{path}/discard").json()
    assert (closed["state"], closed["redriven_as"], closed["allowed_actions"]) == ("discarded", None, [])
    assert len(owner.api.get("/api/v1/executions").json()["data"]) == 1


@pytest.mark.parametrize("action", ["redrive", "discard"])
def test_closed_letter_stays_closed(owner, dead, action):
    _, path = dead
    owner.api.post(f"{path}/discard")
    answer = owner.api.post(f"{path}/{action}")
    assert (answer.status_code, answer.json()["error"]["details"]["state"]) == (409, "discarded")


def test_letter_whose_job_is_disabled_stays_open(owner, dead):
    _, path = dead
    owner.api.post("/api/v1/jobs/nightly/disable")
    assert owner.api.post(f"{path}/redrive").status_code == 409
    assert owner.api.get(path).json()["state"] == "open"


def test_letter_whose_execution_is_no_longer_kept_can_only_be_discarded(owner, dead):
    execution, path = dead
    rows.change("DELETE FROM execution WHERE id = %s", execution)
    assert owner.api.post(f"{path}/redrive").json()["error"]["code"] == "CONFLICT"
    assert owner.api.post(f"{path}/discard").status_code == 200


def test_letters_are_listed_by_state_and_code(owner, dead):
    listed = owner.api.get("/api/v1/dead-letters", state="open", error_code="TIMEOUT", job="nightly").json()["data"]
    assert listed[0]["error"] == {"code": "TIMEOUT", "message": "too slow", "fingerprint": "f"}
    assert owner.api.get("/api/v1/dead-letters", state="redriven").json()["data"] == []


def test_one_is_redriven_with_another_payload(owner, dead):
    _, path = dead
    redriven = owner.api.post(f"{path}/redrive", {"payload": {"fail_rate": 0}}).json()["redriven_as"]
    assert rows.fetch("SELECT payload FROM execution WHERE id = %s", redriven) == [({"fail_rate": 0},)]


def test_a_payload_that_the_job_cannot_take_leaves_the_letter_open(owner, dead):
    _, path = dead
    assert owner.api.post(f"{path}/redrive", {"payload": {"fail_rate": "often"}}).status_code == 422
    assert owner.api.get(path).json()["state"] == "open"
