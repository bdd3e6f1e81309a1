"""Lists by key: every row once, no OFFSET, no count, and a fixed number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from tests.support import console as support
from tests.support import invitees, many, rows
from tests.support.console import Console

PER_PAGE = 50


def _shown(answer: Any) -> list[Any]:
    return [row.pk for row in answer.context["cl"].result_list]


def _walk(console: Console, name: str, way: str, start: str = "") -> list[list[Any]]:
    """All pages, by following the links."""
    pages, address = [], support.url(name) + start
    while address:
        answer = console.client.get(address)
        pages.append(_shown(answer))
        link = getattr(answer.context["cl"].paginator, way)
        address = support.url(name) + link if link else ""
    return pages


@pytest.mark.usefixtures("empty_database")
def test_pages_hold_every_row_once_newest_first() -> None:
    job = rows.job()
    made = sorted((rows.execution(job) for _ in range(PER_PAGE * 2 + 3)), reverse=True)
    pages = _walk(Console(), "jobs_execution_changelist", "older")
    assert [len(page) for page in pages] == [50, 50, 3]
    assert [key for page in pages for key in page] == made


@pytest.mark.usefixtures("empty_database")
def test_going_back_shows_the_same_rows() -> None:
    job = rows.job()
    made = sorted((rows.execution(job) for _ in range(PER_PAGE * 2)), reverse=True)
    pages = _walk(Console(), "jobs_execution_changelist", "newer", f"?before={made[80]}")
    assert pages == [made[81:], made[31:81], made[:31]]


@pytest.mark.usefixtures("empty_database")
def test_a_filter_goes_along_from_page_to_page() -> None:
    job = rows.job()
    failed = {rows.execution(job, "failed") for _ in range(PER_PAGE + 1)}
    for _ in range(20):
        rows.execution(job, "succeeded")
    pages = _walk(Console(), "jobs_execution_changelist", "older", "?state__exact=failed")
    assert {key for page in pages for key in page} == failed


def test_a_key_that_is_none_shows_the_first_page(console: Console) -> None:
    answer = console.get("jobs_execution_changelist", before="nonsense")
    assert answer.status_code == 302
    assert answer["Location"].endswith("?e=1")


@pytest.mark.usefixtures("empty_database")
def test_the_list_of_executions_neither_counts_nor_skips() -> None:
    job = rows.job()
    keys = sorted((rows.execution(job) for _ in range(PER_PAGE * 2)), reverse=True)
    console = Console()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        console.page("jobs_execution_changelist", before=str(keys[40]))
    statements = [query["sql"].upper() for query in queries if 'FROM "EXECUTION"' in query["sql"].upper()]
    assert statements
    assert not [sql for sql in statements if "COUNT(" in sql or "OFFSET" in sql]


#: What has to differ for once, and so that a column has something to look up.
_CHANGED = {
    "jobs.executor": {"state": "'inactive'"}, "jobs.job": {"name": "n || name"}, "tenants.invitation": {"email": "n || email"},
}  # fmt: skip
#: A copy of these would be of the same person, or another person's name.
_MADE = {"tenants.membership": invitees.member, "tenants.user": lambda _: support.person()}


def _fifty_of(label: str, furniture: support.Furniture) -> None:
    """Fifty more of what :func:`furnish` made."""
    table = apps.get_model(label)._meta.db_table
    if label in _MADE:
        for _ in range(PER_PAGE):
            _MADE[label](furniture["tenants.tenant"])
    else:
        many.alike(table, furniture[label], PER_PAGE, **_CHANGED.get(label, {}))


def _queries(console: Console, name: str, *args: Any) -> int:
    console.page(name, *args)  # content types and the like are remembered from the first time on
    with CaptureQueriesContext(connection) as queries:
        console.page(name, *args)
    return len(queries)


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize("model", [m for m in admin.site._registry if m._meta.app_label != "django_celery_results"])
def test_a_list_of_fifty_takes_the_queries_of_a_list_of_one(model: type[Model]) -> None:
    furniture, console = support.furnish(), Console()
    name = f"{model._meta.app_label}_{model._meta.model_name}_changelist"
    one = _queries(console, name)
    _fifty_of(model._meta.label_lower, furniture)
    assert _queries(console, name) == one
    answer = console.get(name)
    assert len(_shown(answer) or answer.context["waiting"]["rows"]) >= 20  # approvals that wait are above their list
    assert one < 15


@pytest.mark.usefixtures("empty_database")
def test_a_job_with_fifty_of_everything_takes_the_queries_of_a_job_with_one() -> None:
    job = rows.job()
    rows.schedule(job)
    support.failed_execution(job)
    console = Console()
    one = _queries(console, "jobs_job_change", job[0])
    for number in range(2, 50):
        rows.schedule(job)
        support.failed_execution(job)
        rows.change(
            "INSERT INTO job_revision SELECT gen_random_uuid(), %s, spec, created_at, created_by, job_id, tenant_id FROM job_revision WHERE job_id = %s AND number = 1",
            number,
            job[0],
        )
    assert _queries(console, "jobs_job_change", job[0]) == one
    assert one < 23


@pytest.mark.usefixtures("empty_database")
def test_the_overview_takes_a_fixed_number_of_queries() -> None:
    job = rows.job()
    support.failed_execution(job)
    rows.execution(job, "skipped")
    console = Console()
    one = _queries(console, "index")
    for _ in range(20):
        support.failed_execution(rows.job())
        rows.execution(rows.job(), "skipped")
    assert _queries(console, "index") == one
    assert one < 30
