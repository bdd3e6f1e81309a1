"""The command says what changes, and stores all of it or nothing."""

from __future__ import annotations

import contextvars
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs.callables import registry, scheduled_job
from tests.support import callables, rows


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", {})
    scheduled_job("0 2 * * *", name="echo")(callables.echo)


@pytest.fixture
def slug() -> str:
    tenant = rows.tenant(allowed_callables='["*"]')
    found: str = rows.fetch("SELECT slug FROM tenant WHERE id = %s", tenant)[0][0]
    return found


def run(slug: str, *options: str) -> str:
    output = io.StringIO()
    # As the process of its own that it is: who acts is forgotten with it.
    contextvars.copy_context().run(call_command, "sync_jobs", "--tenant", slug, *options, stdout=output)
    return output.getvalue()


def stored(slug: str) -> list[Any]:
    return rows.fetch(
        "SELECT j.name, j.state FROM job j JOIN tenant t ON t.id = j.tenant_id WHERE t.slug = %s ORDER BY 1", slug
    )


def test_plan_is_told_and_carried_out(slug):
    assert run(slug) == "+ echo: create\n    schedule '0 2 * * *' UTC\n1 create\n"
    assert run(slug) == "1 unchanged\n"
    assert stored(slug) == [("echo", "active")]
    actors = rows.fetch(
        "SELECT DISTINCT actor FROM audit_event a JOIN tenant t ON t.id = a.tenant_id WHERE t.slug = %s", slug
    )
    assert actors == [("code:sync_jobs",)]


def test_dry_run_tells_the_same_and_stores_nothing(slug):
    assert run(slug, "--dry-run").startswith("+ echo: create\n")
    assert stored(slug) == []


def test_prune_deletes_what_is_no_longer_declared(slug):
    run(slug)
    registry._registry.clear()
    assert run(slug) == "? echo: no longer declared\n1 no longer declared\n"
    assert run(slug, "--prune") == "- echo: delete\n1 delete\n"
    assert stored(slug) == [("echo", "deleted")]
    assert run(slug) == "no callable declares a job: see docs/python-jobs.md\n"


def test_one_refusal_stores_nothing_of_the_others(slug):
    scheduled_job("never", name="wait")(callables.wait)
    with pytest.raises(CommandError, match="nothing was stored"):
        run(slug)
    assert stored(slug) == []


def test_unknown_tenant_is_an_error_that_names_it():
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        run("nobody")
