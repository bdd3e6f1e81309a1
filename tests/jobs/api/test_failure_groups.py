"""Failures by their kind, and what is done about a kind at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.engine.records import Problem, fingerprint
from jobs.rules import identity
from tests.support import ids, rows
from tests.support.operations import drive, seen

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
