"""Each filter, order, field and expansion of each list, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.api.lists import jobs as jobs_list
from tenants.api import expansions, walks
from tests.support import rows
from tests.support.actors import with_scopes


@pytest.fixture
def listed(owner):
    """Ask for a list; the rows' values of one field."""

    def ask(path: str, field: str = "name", **query: Any) -> list[Any]:
        answer = owner.api.get(f"/api/v1/{path}", **query)
        assert answer.status_code == 200, answer.json()
        return [row[field] for row in answer.json()["data"]]

    return ask


@pytest.fixture
def jobs(owner):
    """Three jobs, the last of them other than the others in all."""
    rows.change("INSERT INTO queue (name, created_at) VALUES ('io', now()) ON CONFLICT DO NOTHING")
    made = {name: rows.job(owner.tenant.pk, name=name, owner="maria", category="a") for name in ("alpha", "alphabet")}
    columns = {
        "type": "http",
        "owner": "jo",
        "category": "b",
        "queue_id": "io",
        "updated_at": rows.now() - timedelta(days=1),
    }
    return made | {"beta": rows.job(owner.tenant.pk, name="beta", state="paused", **columns)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name[prefix]": "alp"}, {"alpha", "alphabet"}),
        ({"name[prefix]": "alpha", "order_by": "name"}, {"alpha", "alphabet"}),
        ({"name[prefix]": "ALP"}, set()),
        ({"name[prefix]": "%"}, set()),
        ({"name": ["beta", "alpha"]}, {"alpha", "beta"}),
        ({"type": "http"}, {"beta"}),
        ({"owner": ["jo", "nobody"], "state": "paused"}, {"beta"}),
        ({"owner": "maria", "state": "paused"}, set()),
        ({"category": "b", "queue": "io"}, {"beta"}),
        ({"tag": "nowhere"}, set()),
    ],
)
def test_jobs_are_found_by_each_filter(jobs, listed, query, found):
    assert set(listed("jobs", **query)) == found


def test_jobs_are_ordered_by_name_and_by_change(jobs, listed):
    assert listed("jobs", order_by="name") == ["alpha", "alphabet", "beta"]
    assert listed("jobs", order_by="-name") == ["beta", "alphabet", "alpha"]
    assert listed("jobs", order_by="updated_at")[0] == "beta"
    since = (rows.now() - timedelta(hours=1)).isoformat()
    assert "beta" not in listed("jobs", **{"updated_at[gte]": since, "order_by": "-updated_at"})
    assert listed("jobs", **{"updated_at[lte]": since}) == ["beta"]


def test_jobs_that_never_succeeded_are_found_page_by_page(jobs, owner, listed, monkeypatch):
    rows.execution(jobs["alpha"], "succeeded")
    rows.execution(jobs["alpha"], "failed")
    rows.execution(jobs["beta"], "failed")
    assert set(listed("jobs", never_succeeded="true")) == {"alphabet", "beta"}


def test_schedules_are_found_and_ordered_by_their_next_run(owner, jobs, listed):
    now = rows.now()
    soon, later, held, never = (
        rows.schedule(jobs[name], next_run_at=at and now + timedelta(hours=at))
        for name, at in (("alpha", 1), ("alphabet", 2), ("beta", 1), ("alpha", None))
    )
    assert listed("schedules", "id", order_by="next_run_at") == [str(soon), str(later)]
    assert listed("schedules", "id", order_by="-next_run_at") == [str(later), str(soon)]
    until = (now + timedelta(minutes=90)).isoformat()
    assert listed("schedules", "id", **{"next_run_at[lte]": until}) == [str(soon)]
    assert listed("schedules", "id", queue="io") == [str(held)]
    assert set(listed("schedules", "id", job=["alpha", "beta"])) == {str(soon), str(held), str(never)}


def test_dead_letters_are_found_by_their_errors(owner, jobs, listed):
    for code, fingerprint in (("TIMEOUT", "f"), ("WORKER_LOST", "g")):
        rows.insert(
            "dead_letter", id=uuid4(), tenant_id=owner.tenant.pk, job_id=jobs["alpha"][0], execution_id=uuid4(), state="open",
            error_code=code, error_message="", error_fingerprint=fingerprint, closed_by="", created_at=rows.now(),
        )  # fmt: skip
    codes = [
        error["code"] for error in listed("dead-letters", "error", error_code="TIMEOUT", state=["open", "redriven"])
    ]
    assert codes == ["TIMEOUT"]
    assert len(listed("dead-letters", "id", error_fingerprint=["f", "g"], job="alpha")) == 2
    assert listed("dead-letters", "id", job="beta") == []


def test_an_execution_is_found_by_its_id_however_many_newer_ones_failed(owner, jobs, listed, monkeypatch):
    monkeypatch.setattr(walks, "MOST", 3)
    old = str(rows.execution(jobs["alpha"], "succeeded"))
    for _ in range(5):
        rows.execution(jobs["beta"], "failed", error_message="exit status 7")
    assert listed("executions", "id", q=old) == listed("executions", "id", q=old.upper()) == [old]
    assert old in listed("executions", "id", q=old[:8])


def test_a_jobs_executions_are_its_own(owner, jobs, listed):
    mine, _ = rows.execution(jobs["alpha"], "failed"), rows.execution(jobs["beta"], "failed")
    assert listed("jobs/alpha/executions", "id") == [str(mine)]
    assert listed("jobs/alpha/executions", "id", state="failed", count="capped") == [str(mine)]
    assert listed("jobs/alpha/executions", "id", state="succeeded") == []


def test_fields_are_answered_alone_and_nothing_else_is_read(owner, jobs):
    rows.execution(jobs["alpha"], "failed", error_code="TIMEOUT", error_message="slow", result={"a": 1})
    with CaptureQueriesContext(connection) as queries:
        answer = owner.api.get("/api/v1/executions", fields="id,state,job.name,error.code").json()["data"]
    assert [set(row) for row in answer] == [{"id", "state", "job", "error"}]
    assert (answer[0]["job"], answer[0]["error"]) == ({"name": "alpha"}, {"code": "TIMEOUT"})
    statement = next(query["sql"] for query in queries if 'FROM "execution" INNER JOIN' in query["sql"])
    assert not [
        column for column in ('"result"', '"spec"', '"execution"."payload"', '"job"."payload"') if column in statement
    ]
    everything = owner.api.get("/api/v1/executions").json()["data"][0]
    assert everything["result"] == {"a": 1}


def test_fields_hold_for_every_list(owner, jobs):
    rows.schedule(jobs["alpha"])
    assert owner.api.get("/api/v1/jobs", fields="name,schedules.kind", name="alpha").json()["data"] == [
        {"name": "alpha", "schedules": [{"kind": "cron"}]}
    ]
    assert set(owner.api.get("/api/v1/api-keys", fields=["id", "name"]).json()["data"][0]) == {"id", "name"}
    owner.api.post("/api/v1/jobs/alpha/pause")
    assert owner.api.get("/api/v1/audit-events", fields="action").json()["data"] == [{"action": "job.paused"}]
    assert owner.api.get("/api/v1/queues", fields="name", count="capped").json()["count"] >= 2


def test_what_belongs_to_rows_comes_along_in_one_query_each(owner, jobs):
    schedule = rows.schedule(jobs["alpha"])

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = owner.api.get("/api/v1/executions", expand="job,schedule,attempts")
        assert {len(row["expanded"]) for row in answer.json()["data"]} == {3}
        return len(queries)

    first = rows.execution(jobs["alpha"], "failed", schedule_id=schedule)
    statements()
    few = statements()
    for name in jobs:
        rows.execution(jobs[name], "failed", schedule_id=rows.schedule(jobs[name]))
    assert statements() == few
    shown = owner.api.get("/api/v1/executions", expand=["job", "schedule,attempts"]).json()["data"][-1]
    assert shown["id"] == str(first)
    assert shown["expanded"]["job"]["name"] == "alpha"
    assert shown["expanded"]["schedule"]["id"] == shown["schedule"] == str(schedule)
    assert shown["expanded"]["attempts"] == []
    newest = owner.api.get("/api/v1/jobs", expand="last_execution", name="alpha").json()["data"][0]
    assert newest["expanded"]["last_execution"]["job"]["name"] == "alpha"


def test_what_a_key_may_not_read_does_not_come_along(owner, jobs):
    rows.execution(jobs["alpha"], "failed")
    narrow = with_scopes(owner, ["jobs:read"]).api
    answer = narrow.get("/api/v1/jobs", expand="last_execution")
    assert (answer.status_code, answer.json()["error"]["details"]["required"]) == (403, "executions:read")


def test_what_belongs_to_many_rows_is_not_told_without_bound(owner, jobs, monkeypatch):
    for _ in range(4):
        rows.execution(jobs["alpha"], "failed")
    size = len(json.dumps(owner.api.get("/api/v1/jobs/alpha").json()))
    monkeypatch.setattr(expansions, "MOST_ADDED", 3 * size)
    answers = [owner.api.get("/api/v1/executions", expand="job", limit=limit) for limit in (2, 4)]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert list(answers[1].json()["error"]["details"]) == ["expand"]


def test_a_count_goes_no_further_than_its_cap(owner, jobs, monkeypatch):
    for _ in range(4):
        rows.execution(jobs["alpha"], "failed")
    assert _count(owner, state="failed") == (4, False)
    monkeypatch.setattr(walks, "MOST", 3)
    assert _count(owner, state="failed") == (3, True)


def _count(owner, **query):
    page = owner.api.get("/api/v1/executions", count="capped", limit=1, **query).json()
    return page["count"], page["count_is_capped"]


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
REFUSED = {
    "unknown field": ({"fields": "id,naem"}, 400, "fields"),
    "unknown inner field": ({"fields": "job.nmae"}, 400, "fields"),
    "inner field of a plain one": ({"fields": "state.x"}, 400, "fields"),
    "empty field": ({"fields": "id,,state"}, 422, "fields"),
    "NUL in a field": ({"fields": "id\0"}, 422, "fields"),
    "unknown order": ({"order_by": "priority"}, 422, "order_by"),
    "two orders": ({"order_by": ["created_at", "finished_at"]}, 422, "order_by"),
    "unknown expansion": ({"expand": "tenant"}, 422, "expand"),
    "count to the end": ({"count": "exact"}, 422, "count"),
    "too many values": ({"state": ["failed"] * 21}, 422, "state"),
    "too many ids": ({"schedule": [str(uuid4()) for _ in range(900)]}, 422, "schedule"),
    "NUL": ({"error_code": "a\0"}, 422, "error_code"),
    "NUL in a search": ({"q": "ab\0"}, 422, "q"),
    "a search for next to nothing": ({"q": " a "}, 422, "q"),
    "an endless search": ({"q": "a" * 201}, 422, "q"),
    "range upside down": ({"created_at[gte]": LATE, "created_at[lte]": EARLY}, 422, "created_at[lte]"),
    "other range upside down": ({"finished_at[gte]": LATE, "finished_at[lte]": EARLY}, 422, "finished_at[lte]"),
    "no instant": ({"scheduled_for[gte]": "today"}, 422, "scheduled_for[gte]"),
    "no id": ({"replay_of": "7"}, 422, "replay_of"),
    "unknown wait": ({"waiting_on": "LUCK"}, 422, "waiting_on"),
    "unknown filter": ({"eror_code": "TIMEOUT"}, 400, "eror_code"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_query_is_refused_by_the_name_of_the_parameter(owner, case):
    query, status, field = REFUSED[case]
    answer = owner.api.get("/api/v1/executions", **query)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (status, [field])


def test_ten_thousand_values_are_refused(owner):
    answer = owner.api.get("/api/v1/executions", state=["failed"] * 10_000)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["executions", "jobs"])
def test_a_cursor_goes_on_in_its_own_order_alone(owner, jobs, path):
    for _ in range(2):
        rows.execution(jobs["alpha"], "failed")
    cursor = owner.api.get(f"/api/v1/{path}", limit=1).json()["next_cursor"]
    other = {"executions": "created_at", "jobs": "name"}[path]
    for order in (other, f"-{other}"):
        if order == "-created_at":
            continue
        answer = owner.api.get(f"/api/v1/{path}", cursor=cursor, order_by=order)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")
        assert "order_by" in answer.json()["error"]["message"]
    assert owner.api.get(f"/api/v1/{path}", cursor=cursor, order_by="-created_at").status_code == 200


def test_a_count_looks_into_no_more_jobs_than_a_page_does(owner, jobs, monkeypatch):
    monkeypatch.setattr(jobs_list, "_FEW_JOBS", 2)
    page = owner.api.get("/api/v1/jobs", count="capped", never_succeeded="true").json()
    assert (page["count"], page["count_is_capped"]) == (2, True)
