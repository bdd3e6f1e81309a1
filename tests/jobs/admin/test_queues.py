"""Queues: what is in flight, who serves them, making, changing, holding and deleting them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest

from jobs import selectors
from tests.support import console as support
from tests.support import rows
from tests.support.actors import platform
from tests.support.console import Console

FIELDS = {"pool": "threads", "batch_size": "1", "max_running": "7", "rate_limit": "100/m", "rate_burst": "5"}


def _fields(name: str) -> Any:
    return rows.fetch("SELECT pool, batch_size, max_running, rate_limit, rate_burst FROM queue WHERE name = %s", name)[
        0
    ]


def _queue() -> str:
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    return name


def test_a_queue_is_paused_and_resumed(console: Console) -> None:
    name = _queue()
    console.pressed("jobs_queue_pause", name)
    assert rows.fetch("SELECT paused_at IS NOT NULL FROM queue WHERE name = %s", name) == [(True,)]
    assert "drained" in support.text_of(console.page("jobs_queue_change", name))
    console.pressed("jobs_queue_resume", name)
    assert rows.fetch("SELECT paused_at FROM queue WHERE name = %s", name) == [(None,)]


def test_a_queue_is_made_in_every_field(console: Console) -> None:
    name = f"q-{secrets.token_hex(4)}"
    assert console.get("jobs_queue_add").context["form"]["batch_size"].value() == 50
    answer = console.client.post(support.url("jobs_queue_add"), {"name": name, **FIELDS})
    assert answer.status_code == 302, support.problems(answer)
    assert answer["Location"] == support.url("jobs_queue_change", name)
    assert _fields(name) == ("threads", 1, 7, "100/m", 5)
    page = support.text_of(console.page("jobs_queue_change", name))
    assert f"--queues=jobs.{name} \\ --pool=threads" in page
    assert "No live worker serves this queue" in page


def test_a_queue_is_changed_in_every_field(console: Console) -> None:
    name = _queue()
    form = console.get("jobs_queue_edit", name).context["form"]
    assert form.initial == {
        "pool": "prefork", "batch_size": 50, "ageing_seconds": 900, "max_running": None, "rate_limit": "", "rate_burst": None,
    }  # fmt: skip
    console.pressed("jobs_queue_edit", name, **FIELDS)
    assert _fields(name) == ("threads", 1, 7, "100/m", 5)
    assert console.get("jobs_queue_edit", name).context["form"].initial["max_running"] == 7
    assert "100/m, at most 5 at once" in console.page("jobs_queue_change", name)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("name", "Big Reports"), ("name", "default"), ("batch_size", "0"), ("batch_size", "501"), ("pool", "gevent")],
)
def test_bad_input_is_refused_beside_its_field(console: Console, field: str, wrong: str) -> None:
    name = f"q-{secrets.token_hex(4)}"
    answer = console.client.post(support.url("jobs_queue_add"), {"name": name, **FIELDS, field: wrong})
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [field])
    assert rows.fetch("SELECT 1 FROM queue WHERE name = %s", name) == []


def test_the_pool_of_a_queue_in_use_is_kept_and_the_dialog_says_why(console: Console) -> None:
    name = _queue()
    rows.job(queue_id=name)
    answer = console.press("jobs_queue_edit", name, **FIELDS)
    assert "its pool cannot change" in support.text_of(answer.content.decode())
    assert _fields(name) == ("prefork", 50, None, "", None)


def test_a_queue_in_use_is_not_deleted_and_the_dialog_says_why(console: Console) -> None:
    name = _queue()
    job, _ = rows.job(queue_id=name)
    answer = console.press("jobs_queue_delete", name)
    assert "a job uses this queue" in support.text_of(answer.content.decode())
    rows.change("UPDATE job SET queue_id = 'default' WHERE id = %s", job)
    assert console.pressed("jobs_queue_delete", name) == support.url("jobs_queue_changelist")
    assert rows.fetch("SELECT 1 FROM queue WHERE name = %s", name) == []


def test_default_cannot_be_deleted_and_no_button_offers_it(console: Console) -> None:
    assert support.url("jobs_queue_delete", "default") not in console.page("jobs_queue_change", "default")
    answer = console.press("jobs_queue_delete", "default")
    assert "it stays" in support.text_of(answer.content.decode())


def test_members_of_a_tenant_make_change_and_delete_nothing() -> None:
    name = _queue()
    helper = Console(support.member(rows.tenant(), "admin"))
    answers = [
        helper.client.post(support.url("jobs_queue_add"), {"name": f"{name}-x", **FIELDS}),
        helper.press("jobs_queue_edit", name, **FIELDS),
        helper.press("jobs_queue_delete", name),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert _fields(name) == ("prefork", 50, None, "", None)
    assert rows.fetch("SELECT 1 FROM queue WHERE name = %s", f"{name}-x") == []


def test_members_see_a_queue_without_its_worker_command_and_only_what_is_theirs_in_flight() -> None:
    name, tenant = _queue(), rows.tenant()
    for job in (rows.job(tenant), rows.job()):
        rows.execution(job, "running", queue_id=name)
    rows.change("UPDATE queue SET paused_at = now() WHERE name = %s", name)
    page = Console(support.member(tenant)).page("jobs_queue_change", name)
    text = support.text_of(page)
    assert "In flight, of this tenant 1 " in text
    assert "--queues=" not in page
    assert "</span>paused</span>" in page


def test_page_says_who_used_it_and_members_see_others_without_a_name(console: Console) -> None:
    queue = _queue()
    tenant, other = rows.tenant(), rows.tenant(slug=f"other-{queue}")
    for owner in (tenant, other, other):
        columns = {"queue_id": queue, "started_at": rows.now() - timedelta(seconds=90), "finished_at": rows.now()}
        rows.execution(rows.job(owner, queue_id=queue), "succeeded", **columns)
    assert f"other-{queue}" in console.page("jobs_queue_change", queue)
    page = support.text_of(Console(support.member(tenant, "viewer")).page("jobs_queue_change", queue))
    assert "Who used it in the last hour" in page
    assert "other tenants" in page
    assert f"other-{queue}" not in page


def test_two_hundred_queues_are_paged_and_found_by_name(console: Console) -> None:
    prefix = f"q-{secrets.token_hex(3)}"
    for number in range(200):
        rows.insert("queue", name=f"{prefix}-{number:03}", created_at=rows.now())
    page = console.page("jobs_queue_changelist", q=prefix)
    assert page.count(f">{prefix}-") == 50
    assert "p=4" in page
    assert f">{prefix}-199<" in console.page("jobs_queue_changelist", q=f"{prefix}-199")
    rows.change("DELETE FROM queue WHERE name LIKE %s", f"{prefix}-%")


def test_load_counts_what_is_in_flight_and_the_slots_of_live_workers() -> None:
    name, job = _queue(), rows.job()
    for state in ("queued", "running", "pending", "succeeded"):
        rows.execution(job, state, queue_id=name)
    rows.worker(queues=(name,), concurrency=3)
    rows.worker(queues=("default", name), concurrency=4, pool="threads")
    rows.worker(queues=(name,), concurrency=8, lease=-1)
    rows.worker(queues=(name,), concurrency=16, draining=True)
    with platform():
        queue = selectors.queues().get(pk=name)
        assert (queue.flying, queue.seats) == (2, 7)  # type: ignore[attr-defined]
