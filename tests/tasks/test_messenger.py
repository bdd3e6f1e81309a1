"""Channels are told of an end once; once more for each time that whoever sends dies between sending and noting it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse

from jobs.engine import channels, transitions
from jobs.engine.records import Ending, Fence, Problem
from jobs.rules.codes import Failure
from jobs.rules.states import State
from jobs.services import jobs
from tasks import messenger
from tenants import context
from tenants.errors import ServiceError
from tenants.models import Tenant
from tenants.services import secrets
from tests.support import http_server, logins, one, rows
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("empty_database")
TOKEN = "made-up-token-0815"
MESSAGES = "SELECT channel, ended, state, tries FROM channel_message ORDER BY channel"
#: As if the next try of each were due.
DUE = "UPDATE channel_message SET next_at = now() - interval '1 second'"


@pytest.fixture
def server() -> Any:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def job(server: Any) -> Any:
    """Tells the channel team of failures, and others of successes."""
    tenant = rows.tenant(allowed_hosts='["127.0.0.1"]')
    with context.within(context.Scope(tenant_id=tenant)), transaction.atomic():
        owner = Tenant.objects.get(pk=tenant)
        for name in ("team", "others"):
            value = {"webhook_url": server.url(f"/{name}/{TOKEN}")}
            secrets.create(tenant=owner, name=name, kind="webhook", value=value)
        secrets.create(tenant=owner, name="text", value="no channel")
        fields: Any = {"name": "import", "type": "dummy", "on_failure": ["team"], "on_success": ["others"]}
        return jobs.create(tenant=owner, fields=fields)


def claim(job: Any) -> Any:
    execution = rows.execution((job.pk, job.tenant_id), State.QUEUED)
    found = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert found is not None
    return found


def fence(found: Any) -> Fence:
    return Fence(id=found.id, attempt_id=found.attempt_id, epoch=found.epoch)


def round_() -> int:
    """How many messages are tried, once every event has been read: others' open transactions may hold it up."""
    left = "SELECT count(*) FROM event e, channel_cursor c WHERE (e.xid, e.id) > (c.xid, c.event_id)"
    assert eventually(lambda: channels.make() >= 0 and rows.fetch(left) == [(0,)])
    return messenger.round_()


def fail(found: Any) -> None:
    assert transitions.exhaust(fence(found), Problem(code=Failure.EXECUTION_FAILED, message="the disk is full"))


def test_a_failure_is_told_once_with_a_link_and_a_success_elsewhere(job, server):
    with logins.engine():
        failed, done = claim(job), claim(job)
        fail(failed)
        assert transitions.succeed_all([Ending(fence=fence(done))])
        assert round_() == 2
        assert round_() == 0
    assert rows.fetch(MESSAGES) == [("others", "succeeded", "sent", 1), ("team", "failed", "sent", 1)]
    assert sorted(request.path for request in server.requests) == [f"/others/{TOKEN}", f"/team/{TOKEN}"]
    (told,) = [json.loads(request.body) for request in server.requests if "team" in request.path]
    assert (told["job"], told["state"], told["error_code"]) == ("import", "failed", "EXECUTION_FAILED")
    assert "the disk is full" in told["message"]
    assert told["url"].endswith(f"/admin/jobs/execution/{failed.id}/change/")
    assert told["url"] in told["message"]


def test_events_that_are_read_again_make_no_second_message(job, server):
    with logins.engine():
        fail(claim(job))
        round_()
        rows.change("UPDATE channel_cursor SET xid = '0'")
        assert round_() == 0
    assert len(server.requests) == 1


def test_what_is_tried_again_is_told_at_its_end_only(job, server):
    with logins.engine():
        found = claim(job)
        problem = Problem(code=Failure.EXECUTION_FAILED, message="no")
        assert transitions.retry(fence(found), problem, delay=timedelta(), attempt_state="failed")
        assert round_() == 0
        rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", found.id)
        again = one.claim(found.id, attempt=2, worker_id=uuid4(), worker="w", pid=1)
        fail(again)
        assert round_() == 1
    assert len(server.requests) == 1


def test_who_dies_between_sending_and_noting_sends_once_more_with_the_same_id(job, server, monkeypatch):
    with logins.engine():
        fail(claim(job))

        def die(_: Any) -> None:
            raise SystemExit

        with monkeypatch.context() as dying:
            dying.setattr(channels, "sent", die)
            with pytest.raises(SystemExit):
                round_()
        assert round_() == 0, "it is not due before whoever sends could have noted it"
        rows.change(DUE)
        assert round_() == 1
        rows.change(DUE)
        assert round_() == 0
    first, second = (json.loads(request.body) for request in server.requests)
    assert first["id"] == second["id"]


def test_a_channel_that_is_away_is_tried_again_and_at_last_given_up(job, server):
    server.answer(f"/team/{TOKEN}", status=503)
    with logins.engine():
        fail(claim(job))
        for tried in range(1, channels.MOST_TRIES + 1):
            assert round_() == 1
            assert round_() == 0
            ((pause,),) = rows.fetch("SELECT extract(epoch FROM next_at - now())::int FROM channel_message")
            assert pause > 25 * 2 ** (tried - 1) or pause > 3500
            rows.change(DUE)
        assert round_() == 0
    assert rows.fetch(MESSAGES) == [("team", "failed", "given_up", channels.MOST_TRIES)]
    ((data,),) = rows.fetch("SELECT data FROM event WHERE kind = 'channel.given_up'")
    assert data["channel"] == "team"
    assert "503" in data["problem"]


def test_a_forbidden_address_is_given_up_at_once_and_holds_up_nobody(job, server):
    rows.change("UPDATE tenant SET allowed_hosts = '[]' WHERE id = %s", job.tenant_id)
    with logins.engine():
        fail(claim(job))
        assert round_() == 1
    ((state, problem),) = rows.fetch("SELECT state, problem FROM channel_message")
    assert state == "given_up"
    assert "not a public address" in problem
    assert TOKEN not in problem
    assert server.requests == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nobody"], "there is no secret named nobody"),
        (["text"], "text is of kind text, and taken here is "),
        (["team", "team"], "named twice"),
        (["team"] * 6, "names 6 channels"),
    ],
)
def test_what_is_no_channel_is_refused_by_its_field(job, names, message):
    with context.within(context.Scope(tenant_id=job.tenant_id)), transaction.atomic():
        for field in ("on_failure", "on_success"):
            fields: Any = {field: names}
            with pytest.raises(ServiceError) as refused:
                jobs.update(job=job, fields=fields)
            assert list(refused.value.details) == [field]
            assert message in str(refused.value.details)


def test_a_channel_that_a_job_tells_is_in_use(job):
    assert {name for (name,) in rows.fetch("SELECT name FROM job_secret")} == {"team", "others"}


def test_the_page_is_where_the_console_has_it():
    assert messenger.PAGE.format("1") == reverse("admin:jobs_execution_change", args=["1"])
