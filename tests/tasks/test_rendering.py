"""Expressions and secrets of real attempts: what the handler gets, and what is left of it."""

from __future__ import annotations

import logging
import sys

import pytest
from django.db import OperationalError, transaction

from jobs import selectors
from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import rendering
from tenants import context
from tenants.models import Tenant
from tenants.services import secrets
from tests.support import attempts, logins, rows
from tests.support.attempts import AnyParams, attempt

pytestmark = pytest.mark.usefixtures("empty_database", "quick")

TOKEN = "s3cr3t-token"
POSTGRES = {"host": "db.example.com", "port": 5432, "database": "shop", "user": "app", "password": "s3cr3t-password"}


@pytest.fixture
def tenant():
    """A tenant with secrets; the test itself is the engine."""
    identifier = rows.tenant(slug="acme", name="Acme Ltd")
    make(identifier, "token", TOKEN)
    make(identifier, "warehouse", POSTGRES, kind="postgresql")
    with logins.engine():
        yield identifier


def make(tenant, name, value, **fields):
    with context.within(context.Scope(tenant_id=tenant)), transaction.atomic():
        return secrets.create(tenant=Tenant.objects.get(pk=tenant), name=name, value=value, **fields)


def run(action, tenant, payload, *, expressions=True, **options):
    job = rows.job(tenant, type=attempts.JOB_TYPE, payload=payload, retry={"max_attempts": 1})
    if expressions:
        rows.change("UPDATE job_revision SET spec = spec || '{\"expressions\": true}' WHERE job_id = %s", job[0])
    return attempt(action, of=job, **options)


def received(tenant, payload, **options):
    """What the handler gets."""
    seen = []
    outcome = run(lambda params, context: seen.append(params.model_dump()), tenant, payload, **options)
    assert outcome.state == State.SUCCEEDED, outcome.error_message
    return seen[0]


def test_handler_gets_the_values(tenant):
    payload = {
        "header": "Bearer {{ secrets.token }}",
        "whole": "{{ secrets.warehouse }}",
        "about": "{{ job.type }} {{ tenant.slug }} {{ tenant.name }} {{ execution.trigger }} {{ execution.attempt }}",
        "id": "{{ execution.id }}",
        "slot": "{{ execution.scheduled_for }}",
        "day": "{{ now | date('%Y') | int }}",
        "other": "{{ payload.plain.x }}",
        "plain": {"x": [1]},
    }
    got = received(tenant, payload)
    assert got["header"] == f"Bearer {TOKEN}"
    assert got["whole"]["password"] == "s3cr3t-password"
    assert got["about"] == f"{attempts.JOB_TYPE} acme Acme Ltd manual 1"
    assert (got["slot"], got["other"]) == (None, [1])
    assert got["day"] >= 2026
    assert rows.fetch("SELECT id::text FROM execution") == [(got["id"],)]


def test_what_an_execution_was_made_for_is_known(tenant):
    at = rows.now().replace(microsecond=0)
    got = received(tenant, {"slot": "{{ execution.scheduled_for }}"}, scheduled_for=at)
    assert got["slot"] == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_overrides_are_data(tenant):
    got = received(tenant, {"a": "{{ payload.b }}", "b": "mine"}, overrides={"b": "{{ secrets.token }}"})
    assert got == {"a": "{{ secrets.token }}", "b": "{{ secrets.token }}"}


def test_a_revision_without_the_mark_is_taken_as_it_is_and_asks_nothing(tenant, monkeypatch):
    monkeypatch.setattr(rendering, "rendered", None)
    assert received(tenant, {"a": "{{ secrets.token }}"}, expressions=False) == {"a": "{{ secrets.token }}"}


def test_only_what_is_named_is_revealed_and_only_what_is_asked_for_is_read(tenant, monkeypatch):
    asked = []
    reveal = secrets.reveal
    monkeypatch.setattr(secrets, "reveal", lambda tenant, names: asked.append(sorted(names)) or reveal(tenant, names))
    monkeypatch.setattr(selectors, "told_to_expressions", lambda _: pytest.fail("nobody asked for it"))
    received(tenant, {"a": "{{ secrets.token }}{{ job.name }}", "b": "{{ now }}"})
    received(tenant, {"a": "{{ now }}"})
    assert asked == [["token"]]


def test_nothing_it_writes_holds_the_secret(tenant):
    def talk(params, context):
        context.log(f"log {params.token}")
        context.log("x" * 8185 + params.token)
        context.log("odd", level=params.token, stream=params.token)
        context.progress(0.5, params.token)
        for piece in (*params.token, "\n"):
            print(piece, end="")  # noqa: T201
        print(params.token, file=sys.stderr)  # noqa: T201
        logging.getLogger("library").warning("%s", params.token)
        raise HandlerError(f"no: {params.token}", code=params.token, result={params.token: [params.token]})

    outcome = run(talk, tenant, {"token": "{{ secrets.token }}"})
    assert (outcome.error_message, outcome.error_code) == ("no: ***", "***")
    assert rows.fetch("SELECT result FROM attempt") == [({"***": ["***"]},)]
    assert [text for _, _, _, text in outcome.log] == [
        "log ***", "x" * 8185 + "***", "odd", "50% ***", "***", "***", "***", "no: ***",
    ]  # fmt: skip
    assert outcome.log[2][1:3] == ("***", "***")


def test_result_and_traceback_are_masked(tenant):
    payload = {"token": "{{ secrets.token }}"}
    assert run(lambda params, context: {"a": params.token}, tenant, payload).result == {"a": "***"}

    def broken(params, context):
        raise ValueError(params.token)

    outcome = run(broken, tenant, payload)
    assert outcome.error_message == "ValueError: ***"
    assert outcome.messages[0].endswith("ValueError: ***")


def test_a_connection_asked_for_meanwhile_is_hidden_from_then_on(tenant):
    def use(params, context):
        context.log(f"in with {context.connection('warehouse').password.get_secret_value()} at db.example.com")

    assert run(use, tenant, {"a": 1}, expressions=False).messages == ["in with *** at db.example.com"]


class Strict(AnyParams):
    token: int


def test_refusal_of_a_rendered_payload_says_nothing_of_it(tenant):
    outcome = run(lambda *_: None, tenant, {"token": "{{ secrets.token }}"}, params=Strict)
    assert (outcome.error_code, outcome.state) == (Failure.PAYLOAD_INVALID, State.FAILED)
    assert outcome.error_message.startswith("payload.token: ")
    assert TOKEN not in outcome.error_message


@pytest.mark.parametrize(
    ("payload", "code", "says"),
    [
        ({"a": "{{ secrets.gone }}"}, Failure.CONFIG_INVALID, "there is no secret named gone"),
        ({"a": "{{ payload.b }}"}, Failure.PAYLOAD_INVALID, "payload.a: line 1, column 1: there is no 'b'"),
        ({"a": ["x {{ 1 + 1 }}"]}, Failure.PAYLOAD_INVALID, "payload.a[0]: line 1, column 8: + cannot stand"),
        (
            {"a": "{{ upstream.x }}"},
            Failure.PAYLOAD_INVALID,
            "there is no 'x': it ran by itself, so no job came before it",
        ),
    ],
)
def test_what_cannot_be_rendered_fails_for_good_and_says_where(tenant, payload, code, says):
    outcome = run(lambda *_: None, tenant, payload)
    assert (outcome.state, outcome.error_code) == (State.FAILED, code)
    assert says in outcome.error_message
    assert outcome.buried


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("short", "payload.a: the secret token has fewer than 8 characters"),
        ({**POSTGRES, "kind": "postgresql", "password": "short"}, "the secret token is no connection that can be used"),
        ({"kind": "no longer known"}, "the secret token is no connection that can be used"),
    ],
)
def test_a_secret_that_cannot_be_hidden_is_not_used(tenant, monkeypatch, value, says):
    monkeypatch.setattr(secrets, "reveal", lambda *_: {"token": value})
    outcome = run(lambda *_: pytest.fail("it ran"), tenant, {"a": "{{ secrets.token }}"})
    assert outcome.state == State.FAILED
    assert says in outcome.error_message
    assert "short" not in outcome.error_message


def test_another_tenants_secret_is_not_there(tenant):
    other = rows.tenant()
    outcome = run(lambda *_: None, other, {"a": "{{ secrets.token }}"})
    assert outcome.error_code == Failure.CONFIG_INVALID


def test_a_database_that_is_away_for_a_moment_is_waited_for(tenant, monkeypatch):
    reveal, calls = secrets.reveal, []

    def flaky(*args):
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("server closed the connection unexpectedly")
        return reveal(*args)

    monkeypatch.setattr(secrets, "reveal", flaky)
    assert received(tenant, {"a": "{{ secrets.token }}"}) == {"a": TOKEN}


def test_one_that_stays_away_gives_the_attempt_back_unpunished(tenant, monkeypatch):
    def away(*args):
        raise OperationalError("no route to host")

    monkeypatch.setattr(secrets, "reveal", away)
    outcome = run(lambda *_: pytest.fail("it ran"), tenant, {"a": "{{ secrets.token }}"}, timeout_seconds=0.2)
    assert (outcome.state, outcome.attempt, outcome.attempts) == (State.PENDING, 1, [(1, "released", "")])


def test_a_payload_reads_the_event_that_started_its_run(tenant):
    payload = {"order": "{{ event.payload.order_id }}", "who": "from {{ event.headers.x_shop | default('nobody') }}"}
    event = {"id": "1", "name": "order.paid", "payload": {"order_id": 7}, "headers": {}}
    assert received(tenant, payload, event=event) == {"order": 7, "who": "from nobody"}
    by_hand = {"order": "{{ event.payload.order_id | default('none') }}"}
    assert received(tenant, by_hand) == {"order": "none"}
