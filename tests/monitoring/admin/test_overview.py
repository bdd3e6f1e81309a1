"""The console's first page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.rules import identity
from monitoring.admin import overview
from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

pytestmark = pytest.mark.usefixtures("empty_database")


def _context() -> Any:
    answer = Console().get("index")
    assert answer.status_code == 200
    return answer.context


def _counts(context: Any) -> dict[str, str]:
    return {support.text_of(figure["mark"]).split()[-1]: figure["count"] for figure in context["figures"]}


def test_an_empty_installation_is_taught_its_first_steps() -> None:
    page = Console().page("index")
    assert "Make the first job" in page
    assert "curl -X POST http://testserver/api/v1/jobs" in page
    assert support.url("tenants_tenant_add") in page


def test_the_first_steps_go_once_there_is_a_job() -> None:
    rows.job()
    assert "Make the first job" not in Console().page("index")


def test_figures_are_of_the_last_day_only() -> None:
    job = rows.job()
    for state in ("succeeded", "succeeded", "failed", "skipped", "running", "pending"):
        rows.execution(job, state)
    rows.execution(job, "failed", id=identity.request_id(rows.now() - timedelta(hours=25)))
    counts = _counts(_context())
    assert counts == {
        "succeeded": "2", "failed": "1", "skipped": "1", "cancelled": "0", "running": "1", "pending": "1", "scheduled": "0",
    }  # fmt: skip


def test_a_figure_stops_at_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "CAP", 3)
    job = rows.job()
    for _ in range(5):
        rows.execution(job, "succeeded")
    for _ in range(3):
        rows.execution(job, "failed")
    counts = _counts(_context())
    assert (counts["succeeded"], counts["failed"]) == ("3+", "3")


def test_the_sentence_is_made_of_what_is_measured() -> None:
    rows.execution(rows.job(), "pending", not_before=rows.now() - timedelta(seconds=30))
    rows.execution(rows.job(), "running")
    rows.worker()
    for name in ("dispatch", "ring"):
        rows.insert("pulse", name=name, at=rows.now())
    sentence = _context()["verdict"].sentence
    assert sentence.startswith("Keeping up: oldest ready 3")
    assert "1 in flight, 1 worker live" in sentence


def test_parked_executions_are_not_ready() -> None:
    job = rows.job()
    rows.execution(job, "pending", waiting_on=f"job:{job[0]}")
    assert "nothing waits" in _context()["verdict"].sentence


def test_what_was_skipped_as_it_was_meant_hides_nothing_that_was_missed() -> None:
    job = rows.job()
    missed = rows.execution(job, "skipped", reason="DEPENDENCY_FAILED")
    for reason in ("CONDITION_FALSE", "RULE_NOT_MET", "NO_LONGER_NEEDED") * 3:
        rows.execution(job, "skipped", reason=reason)
    shown = _context()["absences"]["rows"]
    assert len(shown) == 1
    assert str(missed) in str(shown[0][0])


def test_the_latest_failures_and_absences_lead_to_their_pages() -> None:
    job = rows.job(name="nightly")
    failed, _ = support.failed_execution(job)
    skipped = rows.execution(job, "skipped", reason="PAUSED_JOB")
    page = Console().page("index")
    for execution in (failed, skipped):
        assert support.url("jobs_execution_change", execution) in page
    assert "Resume the job, or run this again by hand." in page


def test_at_most_a_few_failures_are_shown() -> None:
    job = rows.job()
    for _ in range(overview.LATEST + 3):
        support.failed_execution(job)
    assert len(_context()["failures"]["rows"]) == overview.LATEST
