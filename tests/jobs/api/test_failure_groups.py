"""Failures by their kind, and what is done about a kind at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.engine.records import Problem, fingerprint
from jobs.rules import identity
from tests.support import ids, rows
from tests.support.operations import drive, seen, steps

GROUPS = "/api/v1/failure-groups"


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id)


def failed(of, message="the answer was 503", code="EXECUTION_FAILED", *, letter="open", **columns):
    """A failed execution with its dead letter."""
    error = {"error_code": code, "error_message": message}
    kind = fingerprint(Problem(code=code, message=message))
    execution = rows.execution(of, "failed", error_fingerprint=kind, **error, **columns)
    rows.insert(
        "dead_letter", id=ids.child_of(execution), tenant_id=of[1], job_id=of[0], execution_id=execution, error_fingerprint=kind,
        state=letter, closed_by="", created_at=rows.now(), **error,
    )  # fmt: skip
    return execution


def letters(of):
    return dict(rows.fetch("SELECT execution_id, state FROM dead_letter WHERE job_id = %s", of[0]))


def test_failures_that_differ_in_numbers_only_are_one_group(owner, job):
    other = rows.job(owner.tenant.id)
    failed(job, "row 1 is bad", letter="discarded")
    newest = failed(other, "row 2 is bad")
    failed(job, "timed out", "TIMEOUT")
    told = owner.api.get(GROUPS, order_by="-count").json()
    assert (told["read"], told["capped"], [group["count"] for group in told["data"]]) == (3, False, [2, 1])
    group = told["data"][0]
    assert (group["code"], group["message"], group["open"]) == ("EXECUTION_FAILED", "row 2 is bad", 1)
    assert (group["job_count"], group["sample_execution"]) == (2, str(newest))
    assert {row["id"] for row in group["jobs"]} == {str(job[0]), str(other[0])}
    assert owner.api.get(f"{GROUPS}/{group['fingerprint']}").json() == group


def test_the_last_seen_comes_first_unless_the_largest_is_asked_for(owner, job):
    failed(job, "a", finished_at=rows.now() - timedelta(minutes=2))
    failed(job, "a", finished_at=rows.now() - timedelta(minutes=2))
    failed(job, "b")
    for order, expected in (("-last_seen_at", ["b", "a"]), ("-count", ["a", "b"])):
        told = owner.api.get(GROUPS, order_by=order).json()["data"]
        assert [group["message"] for group in told] == expected
    assert len(owner.api.get(GROUPS, limit=1).json()["data"]) == 1


def test_a_window_and_a_job_narrow_them(owner, job):
    failed(job, "old", id=identity.request_id(rows.now() - timedelta(hours=30)))
    failed(job, "new")
    failed(rows.job(owner.tenant.id), "of another")
    told = owner.api.get(GROUPS, job=str(job[0])).json()["data"]
    assert [group["message"] for group in told] == ["new"]
    assert len(owner.api.get(GROUPS, since="-2d", job=str(job[0])).json()["data"]) == 2
    assert owner.api.get(GROUPS, since=rows.now().isoformat()).json()["data"] == []
    assert owner.api.get(GROUPS, job="no such").json()["data"] == []


def test_it_says_when_there_are_more_than_it_reads(owner, job, monkeypatch):
    monkeypatch.setattr("jobs.failure_groups.MOST_READ", 2)
    for _ in range(3):
        failed(job)
    told = owner.api.get(GROUPS).json()
    assert (told["read"], told["capped"], told["data"][0]["count"]) == (2, True, 2)


@pytest.mark.parametrize(
    "query", [{"since": "soon"}, {"since": "2026-01-01T00:00:00"}, {"order_by": "count"}, {"nonsense": "1"}]
)
def test_what_cannot_be_read_is_refused(owner, query):
    assert owner.api.get(GROUPS, **query).status_code in (400, 422)


def test_a_group_is_walled(owner, outsider, job):
    failed(job)
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    assert outsider.api.get(GROUPS).json()["data"] == []
    assert outsider.api.post(f"{GROUPS}/{group}/retry", {"reason": "x"}).status_code == 404


def test_retry_replays_those_nobody_has_and_closes_their_letters(owner, job):
    fresh, replayed, discarded = failed(job), failed(job), failed(job, letter="discarded")
    other = failed(job, "something else")
    owner.api.post(f"/api/v1/executions/{replayed}/retry")
    group = owner.api.get(f"{GROUPS}").json()["data"]
    found = next(row["fingerprint"] for row in group if row["count"] == 3)
    answer = owner.api.post(f"{GROUPS}/{found}/retry", {"reason": "mended"})
    assert (answer.status_code, answer.json()["kind"]) == (202, "redrive")
    drive(answer.json())
    told = seen(owner, answer.json())
    assert (told["done"], told["left_out"]) == (1, {"ALREADY_REPLAYED": 1, "LETTER_CLOSED": 1})
    ((new,),) = rows.fetch("SELECT id FROM execution WHERE replay_of = %s", fresh)
    assert rows.fetch("SELECT redriven_as, closed_by FROM dead_letter WHERE execution_id = %s", fresh) == [
        (new, told["created_by"])
    ]
    assert letters(job) == {fresh: "redriven", replayed: "open", discarded: "discarded", other: "open"}
    again = owner.api.post(f"{GROUPS}/{found}/retry", {"reason": "once more"}).json()
    drive(again)
    assert seen(owner, again)["done"] == 0


def test_resolve_closes_letters_and_runs_nothing(owner, job):
    waiting, closed = failed(job), failed(job, letter="redriven")
    bare = rows.execution(job, "failed", error_code="EXECUTION_FAILED", error_fingerprint=fingerprint(Problem(code="EXECUTION_FAILED", message="the answer was 503")))  # fmt: skip
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    assert owner.api.post(f"{GROUPS}/{group}/resolve").json()["error"]["details"] == {
        "reason": ["say why, for the audit trail"]
    }
    operation = owner.api.post(f"{GROUPS}/{group}/resolve", {"reason": "known"}).json()
    drive(operation)
    told = seen(owner, operation)
    assert (told["done"], told["left_out"]) == (1, {"LETTER_CLOSED": 1, "NO_DEAD_LETTER": 1})
    assert letters(job) == {waiting: "discarded", closed: "redriven"}
    assert rows.fetch("SELECT count(*) FROM execution WHERE job_id = %s", job[0]) == [(3,)]
    assert rows.state_of(bare) == "failed"


def test_a_letter_that_somebody_is_deciding_on_is_looked_at_again(owner, job):
    import psycopg

    from tests.support import servers
    from tests.support.operations import steps

    execution = failed(job)
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    operation = owner.api.post(f"{GROUPS}/{group}/retry", {"reason": "mended"}).json()
    with psycopg.connect(servers.URLS["engine"]) as somebody:
        somebody.execute("SELECT 1 FROM dead_letter WHERE execution_id = %s FOR NO KEY UPDATE", [execution])
        steps(operation, 1)
        assert (seen(owner, operation)["done"], seen(owner, operation)["left_out"]) == (0, {})
    drive(operation)
    assert letters(job) == {execution: "redriven"}


def test_a_group_that_is_resolved_says_so_and_comes_back_by_itself_with_the_next_such_failure(owner, job):
    failed(job, finished_at=rows.now() - timedelta(minutes=1))
    group = owner.api.get(GROUPS).json()["data"][0]
    assert (group["status"], group["resolved_at"], group["note"]) == ("open", None, None)
    path = f"{GROUPS}/{group['fingerprint']}"
    resolved = owner.api.post(f"{path}/resolve", {"reason": "the supplier is up"})
    drive(resolved.json())
    told = owner.api.get(path).json()
    assert (told["status"], told["note"], told["came_back_at"]) == ("resolved", "the supplier is up", None)
    assert told["resolved_by"].startswith("key:")
    notes = rows.fetch("SELECT DISTINCT state, note FROM dead_letter WHERE job_id = %s", job[0])
    assert notes == [("discarded", "the supplier is up")]
    failed(job)
    told = owner.api.get(path).json()
    assert (told["status"], told["open"], told["count"]) == ("came_back", 1, 2)
    assert told["came_back_at"] == told["last_seen_at"] > told["resolved_at"]
    drive(owner.api.post(f"{path}/resolve", {"reason": "this time for good"}).json())
    told = owner.api.get(path).json()
    assert (told["status"], told["note"], told["came_back_at"]) == ("resolved", "this time for good", None)


def test_what_is_resolved_for_one_job_is_open_for_the_others(owner, outsider, job):
    failed(job)
    failed(rows.job(owner.tenant.id))
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    answer = owner.api.post(f"{GROUPS}/{group}/resolve?job={job[0]}", {"reason": "mended there"})
    assert answer.status_code == 202, answer.content
    assert owner.api.get(f"{GROUPS}/{group}", job=str(job[0])).json()["status"] == "resolved"
    assert owner.api.get(f"{GROUPS}/{group}").json()["status"] == "open"
    failed(rows.job(outsider.tenant.id))
    assert outsider.api.get(f"{GROUPS}/{group}").json()["status"] == "open"


def test_a_decision_can_be_tried_and_nothing_happens(owner, job):
    execution = failed(job)
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    for action, kind in (("retry", "redrive"), ("resolve", "discard")):
        assert owner.api.post(f"{GROUPS}/{group}/{action}?dry_run=true", {}).status_code == 422
        answer = owner.api.post(f"{GROUPS}/{group}/{action}?dry_run=true", {"reason": "to see"})
        told = answer.json()
        assert (answer.status_code, told["dry_run"], told["kind"], told["matched"]) == (200, True, kind, 1)
        assert [row["id"] for row in told["sample"]] == [str(execution)]
    assert (owner.api.get(f"{GROUPS}/{group}").json()["status"], letters(job)) == ("open", {execution: "open"})
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


def test_a_group_is_redriven_with_another_payload_at_a_pace_and_a_few_first(owner, job):
    for _ in range(4):
        failed(job)
    group = owner.api.get(GROUPS).json()["data"][0]["fingerprint"]
    asked = {
        "reason": "try",
        "payload": {"fail_rate": 0},
        "rate_per_second": 500,
        "canary": 2,
        "canary_must_succeed": 1,
    }
    operation = owner.api.post(f"{GROUPS}/{group}/retry", asked).json()
    assert (operation["kind"], operation["canary"]["size"], operation["canary"]["must_succeed"]) == ("redrive", 2, 1)
    steps(operation, 3)
    again = rows.fetch("SELECT id, payload FROM execution WHERE job_id = %s AND replay_of IS NOT NULL", job[0])
    assert [payload for _, payload in again] == [{"fail_rate": 0}] * 2
    assert sorted(letters(job).values()) == ["open", "open", "redriven", "redriven"]
    rows.change(
        "UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = ANY(%s)", [key for key, _ in again]
    )
    assert drive(operation) == "succeeded"
    assert set(letters(job).values()) == {"redriven"}
