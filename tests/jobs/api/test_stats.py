"""`stats`: how a job and a tenant have done, from a bounded number of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs import job_stats
from jobs.rules import identity
from tests.support import rows


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id, name="nightly")


def ran(job: Any, state: str, *, days_ago: float = 0, took: float = 1, waited: float = 0, **columns: Any) -> None:
    at = rows.now() - timedelta(days=days_ago)
    started = at + timedelta(seconds=waited)
    times = {
        "not_before": at,
        "started_at": started,
        "finished_at": started + timedelta(seconds=took),
        "created_at": at,
    }
    if state == "skipped":
        times |= {"started_at": None}
    rows.execution(job, state, id=identity.request_id(at), epoch=0 if state == "skipped" else 1, **times, **columns)


def stats(owner: Any, **query: Any) -> Any:
    answer = owner.api.get("/api/v1/jobs/nightly/stats", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_job_without_runs_has_no_figures_but_zeroes(owner, job):
    told = stats(owner)
    assert set(told["by_state"].values()) == {0}
    assert told["success_rate"] is told["duration_seconds"] is told["attempts_per_execution"] is None
    assert (told["counted"], told["capped"], told["days"]) == (0, False, [])
    assert told["counted_from"] == told["since"]


def test_counts_rates_and_lengths_of_the_window(owner, job):
    for took in (1, 2, 3, 100):
        ran(job, "succeeded", took=took, waited=took / 10, attempt=2)
    ran(job, "failed", took=5, crashes=1)
    ran(job, "skipped", reason="MISFIRE", folded_count=10)
    ran(job, "succeeded", days_ago=40)
    ran(rows.job(owner.tenant.id), "failed")
    told = stats(owner)
    assert {state: count for state, count in told["by_state"].items() if count} == {
        "succeeded": 4, "failed": 1, "skipped": 10,
    }  # fmt: skip
    assert told["success_rate"] == 0.8
    assert told["duration_seconds"] == {"p50": 3, "p95": 100, "max": 100}
    assert told["wait_seconds"]["max"] == pytest.approx(10)
    assert (told["attempts_per_execution"], told["crashes"]) == (1.8, 1)
    assert told["last_failure_at"] is not None
    assert sum(sum(day["by_state"].values()) for day in told["days"]) == 15


def test_days_are_those_of_the_slots(owner, job):
    ran(job, "succeeded")
    ran(job, "failed", days_ago=2)
    assert [day["by_state"] for day in stats(owner)["days"]] == [{"failed": 1}, {"succeeded": 1}]
    until = (rows.now() - timedelta(days=1)).isoformat()
    assert stats(owner, until=until)["by_state"]["succeeded"] == 0


def test_only_the_newest_are_counted_and_that_is_said(owner, job, monkeypatch):
    monkeypatch.setattr(job_stats.of_job, "__kwdefaults__", {"most": 2})
    for days_ago in (3, 2, 1):
        ran(job, "succeeded", days_ago=days_ago)
    told = stats(owner)
    assert (told["counted"], told["capped"], told["by_state"]["succeeded"]) == (2, True, 2)
    assert told["counted_from"] > told["since"]


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}]
)
def test_a_window_that_is_none_is_refused(owner, job, query):
    answer = owner.api.get("/api/v1/jobs/nightly/stats", **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_FAILED")


def test_a_tenants_days_are_added_up_from_its_usage(owner, outsider, job):
    today = rows.now().date()
    for tenant, day, failed in ((owner, today, 1), (owner, today - timedelta(days=1), 0), (outsider, today, 7)):
        rows.insert(
            "usage_day", id=identity.request_id(rows.now()), tenant_id=tenant.tenant.id, day=day, succeeded=3, failed=failed,
            cancelled=0, skipped=2, run_seconds=1.5, log_bytes=0,
        )  # fmt: skip
    rows.execution(job, "pending")
    told = owner.api.get("/api/v1/stats").json()
    assert told["by_state"] | {"cancelled": 0} == {
        "succeeded": 6, "failed": 1, "skipped": 4, "cancelled": 0, "scheduled": 0, "blocked": 0, "pending": 1, "queued": 0, "running": 0,
    }  # fmt: skip
    assert told["success_rate"] == pytest.approx(6 / 7)
    assert (told["run_seconds"], len(told["days"])) == (3.0, 30)
    assert owner.api.get("/api/v1/stats", since="2026-01-02", until="2026-01-01").status_code == 422


def test_a_window_that_begins_before_all_instants_begins_with_the_first(owner, job):
    assert stats(owner, until="1970-01-02T00:00:00Z")["since"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2200-01-01", "9999-12-31"])
def test_days_beyond_all_instants_are_refused(owner, day):
    for name in ("since", "until"):
        answer = owner.api.get("/api/v1/stats", **{name: day})
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [name])
