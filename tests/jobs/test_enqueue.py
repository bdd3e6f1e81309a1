"""Asking for an execution in Python: it exists if and only if the caller's transaction commits, and so does all that goes with it."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from jobs.callables import current
from jobs.engine import dispatch
from jobs.enqueue import enqueue
from jobs.models import Job
from tenants import context, requests
from tenants.errors import Invalid, NotFound, ServiceError, TenantSuspended
from tests.support import logins, rows
from tests.support.contexts import RecordingContext
from tests.support.stack import wait_for
from tests.support.threads import together

Ask = Any


@pytest.fixture
def job(owner: Any) -> Any:
    rows.change("UPDATE tenant SET max_unfinished = 100 WHERE id = %s", owner.tenant.id)
    return rows.job(owner.tenant.id, name="settle")


@pytest.fixture
def ask(owner: Any, job: Any) -> Ask:
    return partial(enqueue, "settle", tenant=owner.tenant.slug, by="shop")


@pytest.fixture
def rings(monkeypatch: Any) -> list[bool]:
    heard: list[bool] = []
    monkeypatch.setattr(dispatch, "ring", lambda: heard.append(True))
    return heard


def left(job: Any) -> dict[str, int]:
    """What another connection sees of it."""
    tables = ("execution", "reservation", "audit_event", "quota_room", "event")
    found = {table: rows.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", job[1])[0][0] for table in tables}
    return {table: count for table, count in found.items() if count}


WHOLE = {"execution": 1, "reservation": 1, "audit_event": 1, "quota_room": 1}


def test_it_is_there_once_the_transaction_commits_and_rings_then(job: Any, ask: Ask, rings: list[bool]) -> None:
    with transaction.atomic():
        made = ask(payload={"duration_seconds": 1}, dedup_key="k")
        assert (left(job), rings) == ({}, [])
    assert (left(job), rings) == (WHOLE, [True])
    (told,) = rows.fetch("SELECT triggered_by, trigger, payload FROM execution WHERE id = %s", made.pk)
    assert told == ("code:shop", "manual", {"duration_seconds": 1})
    assert rows.fetch("SELECT actor FROM audit_event WHERE object_id = %s", str(made.pk)) == [("code:shop",)]


def test_nothing_is_left_of_it_after_a_rollback(job: Any, ask: Ask, rings: list[bool]) -> None:
    with transaction.atomic():
        ask(dedup_key="k")
        ask()
        transaction.set_rollback(True)
    assert (left(job), rings) == ({}, [])


def test_what_a_savepoint_takes_back_is_gone_from_a_transaction_that_commits(
    job: Any, ask: Ask, rings: list[bool]
) -> None:
    with transaction.atomic():
        kept = ask(dedup_key="kept")
        with transaction.atomic():
            undone = ask(dedup_key="undone")
            assert ask(dedup_key="undone").deduplicated
            transaction.set_rollback(True)
        again = ask(dedup_key="undone")
        assert (again.deduplicated, again.pk != undone.pk) == (False, True)
    assert {id_ for (id_,) in rows.fetch("SELECT id FROM execution WHERE job_id = %s", job[0])} == {kept.pk, again.pk}
    assert len(rings) == 2


def test_without_a_transaction_it_is_there_at_once(job: Any, ask: Ask, rings: list[bool]) -> None:
    assert not connection.in_atomic_block
    ask(dedup_key="k")
    assert (left(job), rings) == (WHOLE, [True])
    assert (context.current(), requests.current().actor) == (context.NOBODY, requests.SYSTEM)


def test_a_refusal_undoes_nothing_of_the_callers_and_puts_back_who_acts_and_where(
    job: Any, ask: Ask, outsider: Any
) -> None:
    rows.job(outsider.tenant.id, name="theirs")
    rows.change("UPDATE job SET dedup_conflict = 'reject' WHERE id = %s", job[0])
    with context.within(context.Scope(tenant_id=outsider.tenant.id)), transaction.atomic():
        made = ask(dedup_key="k")
        with pytest.raises(ServiceError, match=str(made.pk)):
            ask(dedup_key="k")
        with pytest.raises(Invalid):
            ask(payload={"no such field": 1})
        assert requests.current().actor == requests.SYSTEM
        # As PostgreSQL sees it, not only as we remember it.
        assert list(Job.objects.values_list("name", flat=True)) == ["theirs"]
    assert left(job) == WHOLE


@pytest.mark.parametrize("commits", [True, False])
def test_a_second_request_waits_for_what_becomes_of_the_first_ones_transaction(
    job: Any, ask: Ask, commits: bool
) -> None:
    asked = threading.Event()

    def first() -> Any:
        with transaction.atomic():
            made = ask(dedup_key="k")
            asked.set()
            wait_for(_somebody_waits, 30, "the second waits for the first", every=0.02)
            transaction.set_rollback(not commits)
        return made

    def second() -> Any:
        assert asked.wait(30)
        return ask(dedup_key="k")

    one, other = together([first, second])
    assert (other.deduplicated, other.pk == one.pk) == (commits, commits)
    assert left(job)["execution"] == 1


def _somebody_waits() -> bool:
    found = rows.fetch(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND query LIKE '%%INSERT INTO reservation%%'"
    )
    return bool(found[0][0])


def test_an_async_view_asks_in_a_thread(job: Any, ask: Ask) -> None:
    def work() -> Any:
        try:
            with transaction.atomic():
                return ask(dedup_key="k")
        finally:
            connection.close()

    made = asyncio.run(sync_to_async(work)())
    assert rows.state_of(made.pk) == "scheduled"
    assert left(job) == WHOLE


def test_inside_an_attempt_it_is_that_ones_tenant_and_the_engines_log_in_may(owner: Any, job: Any) -> None:
    attempt = RecordingContext()
    attempt.tenant = owner.tenant.slug
    with logins.engine(), current.entered(attempt), transaction.atomic():
        made = enqueue("settle", dedup_key="k")
    assert left(job) == WHOLE
    assert rows.fetch("SELECT triggered_by FROM execution WHERE id = %s", made.pk) == [
        (f"code:execution {attempt.execution_id}",)
    ]


def test_for_whom_and_by_whom_must_be_said(owner: Any, ask: Ask) -> None:
    for missing in ({"by": "shop"}, {"tenant": owner.tenant.slug}):
        with pytest.raises(ValueError, match="for whom and by whom"):
            enqueue("settle", **missing)
    for wrong in ("x" * 201, "a\nb"):
        with pytest.raises(Invalid, match="by: must have"):
            ask(by=wrong)


def test_what_is_not_there_is_said(ask: Ask, outsider: Any) -> None:
    with pytest.raises(NotFound, match="tenant: "):
        ask(tenant="nobody")
    with pytest.raises(NotFound, match="'settle' in the tenant"):
        ask(tenant=outsider.tenant.slug)
    with pytest.raises(Invalid, match="dedup_key: "):
        ask(dedup_key="x" * 201)


def test_of_a_suspended_tenant_nothing_is_asked(job: Any, ask: Ask) -> None:
    rows.change("UPDATE tenant SET state = 'suspended', suspension_reason = 'unpaid' WHERE id = %s", job[1])
    with pytest.raises(TenantSuspended, match="unpaid"):
        ask()
    assert left(job) == {}
