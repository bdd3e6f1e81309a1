"""The throttle's two buttons, the same on every page that has them, and the limits beside it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def _queue() -> str:
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    return name


#: Page and table, a new row's key, and the column of the key.
THROTTLED = [
    ("jobs_job", "job", lambda: rows.job()[0], "id"),
    ("jobs_queue", "queue", _queue, "name"),
    ("tenants_tenant", "tenant", rows.tenant, "id"),
]


@pytest.mark.parametrize(("page", "table", "make", "key"), THROTTLED, ids=["job", "queue", "tenant"])
def test_it_is_throttled_shown_as_such_and_let_go(console: Console, page: str, table: str, make: Any, key: str) -> None:
    pk = make()
    assert support.url(f"{page}_unthrottle", pk) not in console.page(f"{page}_change", pk)
    console.pressed(f"{page}_throttle", pk, max_running=2, minutes=90)
    query = f"SELECT throttle_max_running, throttled_until FROM {table} WHERE {key} = %s"
    ((most, until),) = rows.fetch(query, pk)
    assert most == 2
    assert timedelta(minutes=89) < until - rows.now() <= timedelta(minutes=90)
    shown = console.page(f"{page}_change", pk)
    assert "at most 2 in flight, until" in shown
    assert support.url(f"{page}_unthrottle", pk) in shown
    console.pressed(f"{page}_unthrottle", pk)
    assert rows.fetch(query, pk) == [(None, None)]
    told = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", str(pk))
    assert [row[0] for row in told] == [f"{table}.throttled", f"{table}.unthrottled"]


@pytest.mark.parametrize(("field", "wrong"), [("max_running", -1), ("minutes", 0), ("minutes", 10_081)])
def test_a_throttle_without_sense_is_refused_in_the_dialog(console: Console, field: str, wrong: int) -> None:
    answer = console.press("jobs_queue_throttle", _queue(), **({"max_running": 1, "minutes": 5} | {field: wrong}))
    assert field in answer.context["form"].errors


def test_a_throttle_that_is_over_is_shown_no_more(console: Console) -> None:
    job = rows.job(throttle_max_running=1, throttled_until=rows.now())
    page = console.page("jobs_job_change", job[0])
    assert "in flight, until" not in page
    assert support.url("jobs_job_unthrottle", job[0]) not in page


def test_a_rate_that_is_none_is_refused_beside_the_rate(console: Console) -> None:
    for button, pk, fields in (
        ("jobs_queue_edit", _queue(), {"pool": "prefork", "batch_size": 1}),
        ("tenants_tenant_limits", rows.tenant(), {"name": "T", "weight": 1}),
    ):
        answer = console.press(button, pk, rate_limit="often", **fields)
        assert "rate_limit" in answer.context["form"].errors


def test_a_lists_cap_is_the_one_in_force(console: Console) -> None:
    slug = f"t-{secrets.token_hex(4)}"
    later = rows.now() + timedelta(hours=1)
    rows.tenant(slug=slug, max_running=9, throttle_max_running=4, throttled_until=later)
    assert "4, throttled" in console.page("tenants_tenant_changelist", q=slug)
