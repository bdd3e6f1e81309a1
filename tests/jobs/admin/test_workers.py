"""Workers: who lives."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize(
    ("lease", "draining", "word"),
    [(30, False, "live"), (30, True, "draining"), (-1, False, "gone"), (-1, True, "gone")],
)
def test_a_worker_is_marked_by_its_lease(lease: float, draining: bool, word: str) -> None:
    worker, console = rows.worker(lease=lease, draining=draining), Console()
    assert f"</span>{word}</span>" in console.page("jobs_worker_change", worker)
    assert f"</span>{word}</span>" in console.page("jobs_worker_changelist")


def test_a_page_shows_what_runs_there_and_how_old_its_lease_is(console: Console) -> None:
    worker = rows.worker(renewed_at=rows.now() - timedelta(minutes=2))
    execution = rows.execution(rows.job(rows.tenant(), name="transcode"), "running", worker_id=worker)
    page = console.page("jobs_worker_change", worker)
    assert support.url("jobs_execution_change", execution) in page
    assert re.search(r"2 min( \d+ s)? ago", support.text_of(page))
    assert "transcode" in page


@pytest.mark.usefixtures("empty_database")
def test_an_empty_list_says_what_to_do() -> None:
    assert "nothing runs until one does" in support.text_of(Console().page("jobs_worker_changelist"))


@pytest.mark.usefixtures("empty_database")
def test_a_worker_that_refuses_jobs_of_a_type_says_so_and_why(console: Console) -> None:
    worker = rows.worker(refuses='{"script": "no namespaces <here>"}')
    assert "refuses script" in support.text_of(console.page("jobs_worker_changelist"))
    page = console.page("jobs_worker_change", worker)
    assert "Refuses script jobs" in page
    assert "no namespaces &lt;here&gt;" in page
