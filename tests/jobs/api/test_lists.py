"""Lists: pages that neither repeat nor lose rows, filters, and a cost that does not grow with the rows."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.rules import identity
from tests.support import rows

CRON = {"kind": "cron", "expression": "0 0 * * *"}


def names(answer):
    return [row["name"] for row in answer.json()["data"]]


@pytest.fixture
def five_jobs(make_job):
    for number in range(5):
        make_job(name=f"job-{number}", category="odd" if number % 2 else "even", tags=[f"t{number}"], queue="default")


def test_pages_are_newest_first_and_neither_repeat_nor_lose_rows(owner, five_jobs, make_job):
    first = owner.api.get("/api/v1/jobs", limit=2)
    make_job(name="late")
    second = owner.api.get("/api/v1/jobs", limit=2, cursor=first.json()["next_cursor"])
    third = owner.api.get("/api/v1/jobs", limit=2, cursor=second.json()["next_cursor"])
    assert names(first) + names(second) + names(third) == ["job-4", "job-3", "job-2", "job-1", "job-0"]
    assert third.json()["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "", "%", "bm8", "AAAA", "MDE5MGEwYTAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw!"])
def test_foreign_cursor_is_refused(owner, cursor):
    answer = owner.api.get("/api/v1/jobs", cursor=cursor)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1.5", "", "9" * 40])
def test_limit_out_of_range_is_refused(owner, limit):
    answer = owner.api.get("/api/v1/jobs", limit=limit)
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["limit"])


@pytest.mark.parametrize(
    "path", ["jobs", "schedules", "executions", "dead-letters", "queues", "workers", "api-keys", "job-types"]
)
def test_unknown_parameter_is_refused_by_name(owner, path):
    answer = owner.api.get(f"/api/v1/{path}", statee="failed")
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["statee"])


def test_jobs_are_filtered(owner, five_jobs):
    owner.api.post("/api/v1/jobs/job-3/pause")
    owner.api.post("/api/v1/jobs/job-4/disable")
    assert names(owner.api.get("/api/v1/jobs", state="paused")) == ["job-3"]
    assert names(owner.api.get("/api/v1/jobs", state=["paused", "disabled"])) == ["job-4", "job-3"]
    assert names(owner.api.get("/api/v1/jobs", category="odd")) == ["job-3", "job-1"]
    assert names(owner.api.get("/api/v1/jobs", tag="t2")) == ["job-2"]
    assert names(owner.api.get("/api/v1/jobs", name="job-0", type="dummy", queue="default")) == ["job-0"]
    assert names(owner.api.get("/api/v1/jobs", type="http")) == []
    assert owner.api.get("/api/v1/jobs", state="deleted").status_code == 422
    assert owner.api.get("/api/v1/jobs", **{"name[prefix]": ["a", "b"]}).status_code == 422
    assert owner.api.get("/api/v1/jobs", name="a\0").status_code == 422


def test_schedules_are_filtered(owner, make_job):
    make_job(schedules=[CRON])
    make_job(name="other", schedules=[{"kind": "interval", "interval_seconds": 9}])
    assert len(owner.api.get("/api/v1/schedules").json()["data"]) == 2
    for query in ({"kind": "cron"}, {"job": "nightly"}, {"job": "nightly", "state": "active"}):
        assert [row["kind"] for row in owner.api.get("/api/v1/schedules", **query).json()["data"]] == ["cron"]
    assert owner.api.get("/api/v1/schedules", job="unknown").json()["data"] == []


def test_executions_are_filtered(owner, make_job):
    job, other = (make_job(name=name)["id"] for name in ("one", "two"))
    of, ended = (job, owner.tenant.id), []
    for state in ("failed", "skipped", "succeeded"):
        ended.append(str(rows.execution(of, state, trigger="schedule")))
    manual = str(rows.execution((other, owner.tenant.id), "failed"))

    def found(**query):
        return [row["id"] for row in owner.api.get("/api/v1/executions", **query).json()["data"]]

    assert sorted(found()) == sorted([*ended, manual])
    assert sorted(found(state=["failed", "skipped"])) == sorted([*ended[:2], manual])
    assert found(job=other) == found(job="two") == found(trigger="manual") == [manual]
    assert sorted(found(trigger="schedule", queue="default")) == sorted(ended)
    assert owner.api.get("/api/v1/executions", trigger="whim").status_code == 422


def test_executions_are_bounded_by_creation_both_ends_included(owner, make_job):
    of = (make_job()["id"], owner.tenant.id)
    start = rows.now().replace(microsecond=0)
    made = [str(rows.execution(of, "failed", id=identity.request_id(start + timedelta(seconds=n)))) for n in range(3)]

    def found(**bounds):
        query = {f"created_at[{end}]": (start + timedelta(seconds=n)).isoformat() for end, n in bounds.items()}
        return [row["id"] for row in owner.api.get("/api/v1/executions", **query).json()["data"]]

    assert found(gte=1) == made[:0:-1]
    assert found(lte=1) == made[1::-1]
    assert found(gte=1, lte=1) == [made[1]]
    assert owner.api.get("/api/v1/executions", **{"created_at[gte]": "yesterday"}).status_code == 422
    assert owner.api.get("/api/v1/executions", **{"created_at[lte]": "2026-01-01T00:00:00"}).status_code == 422


@pytest.mark.parametrize("path", ["jobs", "schedules", "executions", "dead-letters"])
def test_list_takes_as_many_statements_for_many_rows_as_for_one(owner, make_job, path):
    def add(name):
        job = make_job(name=name, tags=["a", "b"], schedules=[CRON, CRON])
        execution = rows.execution((job["id"], owner.tenant.id), "failed")
        rows.insert(
            "dead_letter", id=execution, tenant_id=owner.tenant.id, job_id=job["id"], execution_id=execution,
            state="open", error_code="TIMEOUT", error_message="", error_fingerprint="", closed_by="", created_at=rows.now(),
        )  # fmt: skip

    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert owner.api.get(f"/api/v1/{path}").status_code == 200
        return len(captured)

    add("first")
    statements()  # the key's last use is noted now and not again
    few = statements()
    for number in range(4):
        add(f"more-{number}")
    assert statements() == few


@pytest.mark.parametrize(
    "told",
    [
        "[" * 20_000,
        '["updated_at","2026-01-01T00:00:00+05:30:15.123456","01a20088-5e48-7793-a10b-00e4fc1e1b40"]',
        '["updated_at","0001-01-01T00:00:00+23:59","01a20088-5e48-7793-a10b-00e4fc1e1b40"]',
        '["updated_at","9999-12-31T23:59:59-23:59","01a20088-5e48-7793-a10b-00e4fc1e1b40"]',
    ],
    ids=["nested", "odd offset", "before all years", "after all years"],
)
def test_forged_cursor_is_refused(owner, told):
    cursor = base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")
    answer = owner.api.get("/api/v1/jobs", cursor=cursor, order_by="updated_at")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")
