"""/metrics: who may read it, and numbers that are right, cheap, and never sink."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jobs.engine import transitions
from jobs.engine.records import Fence, Problem
from jobs.rules.states import State
from monitoring import metrics
from tenants import buckets, limits
from tests.support import logins, one, rates, rows, servers


@pytest.fixture
def registry(empty_database):
    return metrics.registry()


def read(registry):
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    limited = {
        (s.name, s.labels.get("limit") or s.labels.get("answer")): s.value for s in samples if "_requests_" in s.name
    }
    return limited | {s.name + str(s.labels.get("state", "")): s.value for s in samples if "_requests_" not in s.name}


def _end(execution, *, well):
    """As a worker does."""
    row = rows.fetch("SELECT epoch FROM execution WHERE id = %s", execution)[0]
    fence = Fence(id=execution, attempt_id=execution, epoch=row[0])
    with logins.engine():
        assert one.succeed(fence) if well else transitions.exhaust(fence, Problem(code="TIMEOUT"))


def test_counts_are_of_all_tenants(registry):
    one, other = rows.job(), rows.job()
    rows.job(state="paused")
    for state, of in (
        ("scheduled", one),
        ("pending", other),
        ("running", other),
        ("succeeded", one),
        ("failed", other),
    ):
        rows.execution(of, state)
    rows.worker()
    rows.worker(lease=-1)
    seen = read(registry)
    assert seen["scheduler_jobs_active_count"] == 2
    assert seen["scheduler_tasks_scheduled_count"] == 1
    assert (seen["scheduler_tasks_completed_count"], seen["scheduler_tasks_failed_count"]) == (1, 1)
    assert (
        seen["scheduler_executionspending"],
        seen["scheduler_executionsrunning"],
        seen["scheduler_executionsqueued"],
    ) == (1, 1, 0)
    assert seen["scheduler_executor_count"] == 1
    assert seen["scheduler_tick_age_seconds"] == float("inf")


def test_ends_are_counted_once_each_from_scrape_to_scrape(registry):
    of = rows.job()
    _end(rows.execution(of, "running"), well=True)
    for well in (True, True, False):
        before = read(registry)
        assert read(registry) == before
        _end(rows.execution(of, "running"), well=well)
    seen = read(registry)
    assert (seen["scheduler_tasks_completed_count"], seen["scheduler_tasks_failed_count"]) == (3, 1)


def test_end_of_a_long_transaction_is_not_passed_over(registry):
    """Its number is lower than those of ends that were counted before it committed."""
    of = rows.job()
    slow, quick = rows.execution(of, "running"), rows.execution(of, "running")
    with servers.superuser() as other, other.transaction():
        other.execute("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", [slow])
        other.execute(
            "INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)"
            " SELECT gen_random_uuid(), tenant_id, 'execution.succeeded', job_id, id, '{}', now() FROM execution WHERE id = %s",
            [slow],
        )
        read(registry)
        _end(quick, well=True)
        assert read(registry)["scheduler_tasks_completed_count"] == 1
    assert read(registry)["scheduler_tasks_completed_count"] == 2
    assert read(registry)["scheduler_tasks_completed_count"] == 2


def test_counts_do_not_sink_when_old_rows_are_dropped(registry):
    execution = rows.execution(rows.job(), "succeeded")
    assert read(registry)["scheduler_tasks_completed_count"] == 1
    rows.change("DELETE FROM execution WHERE id = %s", execution)
    assert read(registry)["scheduler_tasks_completed_count"] == 1


def test_failed_attempt_that_is_tried_again_is_no_failure(registry):
    read(registry)
    execution = rows.execution(rows.job(), "running")
    fence = Fence(id=execution, attempt_id=execution, epoch=1)
    with logins.engine():
        assert transitions.retry(fence, Problem(code="TIMEOUT"), delay=metrics.FIRST_COUNT)
    assert read(registry)["scheduler_tasks_failed_count"] == 0


def test_stored_executions_are_read_at_the_first_scrape_only(registry):
    read(registry)
    with CaptureQueriesContext(connection) as captured:
        read(registry)
    assert not [
        query for query in captured if str(State.SUCCEEDED) in query["sql"] and "FROM execution" in query["sql"]
    ]


def test_requests_refused_and_uncounted_are_counted_by_limit_and_answer(registry, monkeypatch):
    before = read(registry)
    assert before["scheduler_requests_refused_total", "account"] >= 0
    account = rates.address()
    with rates.only(account="1/d"):
        limits.take_login(account)
        for _ in range(2):
            with pytest.raises(limits.RateLimited):
                limits.take_login(account)
        monkeypatch.setattr(buckets.patient_breaker, "lets_ask", lambda: False)
        with pytest.raises(limits.Uncounted):
            limits.take_login(f"another {account}")
    after = read(registry)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {
        ("scheduler_requests_refused_total", "account"): 2,
        ("scheduler_requests_uncounted_total", "refused"): 1,
    }


def test_loopback_may_read_without_a_token():
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert "scheduler_tick_age_seconds" in answer.content.decode()


@pytest.mark.parametrize(
    "extra", [{"REMOTE_ADDR": "10.1.2.3"}, {"HTTP_X_FORWARDED_FOR": "10.1.2.3"}, {"REMOTE_ADDR": ""}]
)
def test_others_may_not_without_a_token(extra):
    answer = Client().get("/metrics", **extra)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "REFUSED")


def test_with_a_token_set_everybody_needs_it(settings):
    settings.METRICS_TOKEN = "s3cret-ü"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret-ü"}):
        assert Client(headers=headers).get("/metrics").status_code == 401
    settings.METRICS_TOKEN = "s3cret"
    assert Client(headers={"Authorization": "Bearer s3cret"}).get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
