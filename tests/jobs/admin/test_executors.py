"""Executors at the console: how each stands, what it holds, and its buttons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import console as support
from tests.support import executors, rows
from tests.support.console import Console


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "live"), ({"draining": True}, "draining"), ({"state": "inactive"}, "paused"),
        ({"lease_expires_at": rows.now() - timedelta(seconds=1)}, "gone"), ({"lease_expires_at": None, "renewed_at": None}, "gone"),
    ],
)  # fmt: skip
def test_it_is_marked_by_its_lease_and_state(console: Console, columns: Any, word: str) -> None:
    tenant = rows.tenant()
    made = executors.row(tenant, **columns)
    assert f"</span>{word}</span>" in console.page("jobs_executor_change", made)
    assert f"</span>{word}</span>" in console.page("jobs_executor_changelist", tenant__id__exact=str(tenant))


def test_its_page_shows_what_it_holds_and_can(console: Console) -> None:
    tenant = rows.tenant()
    made = executors.row(tenant, capabilities=["gpu", "eu"], renewed_at=rows.now() - timedelta(minutes=2))
    lease = rows.fetch("SELECT lease_id FROM executor WHERE id = %s", made)[0][0]
    began = rows.now() - timedelta(minutes=3)
    held = rows.execution(rows.job(tenant, name="transcode"), "running", worker_id=lease, started_at=began)
    page = console.page("jobs_executor_change", made)
    text = support.text_of(page[page.index("Holds now") :])
    assert "transcode" in text
    assert "3 min" in text
    assert support.url("jobs_execution_change", held) in page
    assert {"gpu, eu", "1 of 2", "2 min ago"} <= {each for each in ("gpu, eu", "1 of 2", "2 min ago") if each in page}


def test_its_buttons_do_what_they_say(console: Console) -> None:
    made = executors.row(rows.tenant())
    console.pressed("jobs_executor_deactivate", made)
    assert rows.fetch("SELECT state FROM executor WHERE id = %s", made) == [("inactive",)]
    console.pressed("jobs_executor_activate", made)
    console.pressed("jobs_executor_delete", made)
    assert rows.fetch("SELECT 1 FROM executor WHERE id = %s", made) == []


@pytest.mark.usefixtures("empty_database")
def test_an_empty_list_says_how_one_registers() -> None:
    assert "executors:serve" in support.text_of(Console().page("jobs_executor_changelist"))
