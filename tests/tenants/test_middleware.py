"""Request ids, and one transaction a request that stores all of it or nothing."""

from __future__ import annotations

import secrets
from ipaddress import ip_network
from types import SimpleNamespace

import pytest
import structlog
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory

from tenants import context, requests
from tenants.middleware import RequestIdMiddleware, TransactionMiddleware, outside_transaction
from tenants.models import User
from tenants.rules import permissions
from tests.support import rows


@pytest.fixture
def request_():
    return RequestFactory().get("/")


def serve(request, view):
    return TransactionMiddleware(lambda request: HttpResponse()).process_view(request, view, (), {})


def storing(status):
    """A view that stores a queue and answers with a status, and whether the queue is stored."""
    name = f"q-{secrets.token_hex(4)}"

    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO queue (name, created_at) VALUES (%s, now())", [name])
        if isinstance(status, Exception):
            raise status
        return HttpResponse(status=status)

    return view, lambda: bool(rows.fetch("SELECT 1 FROM queue WHERE name = %s", name))


@pytest.mark.parametrize("sent", ["abc-1.2_3", "x" * 64])
def test_sane_request_id_is_taken_and_echoed(sent):
    assert Client().get("/nowhere", headers={"X-Request-Id": sent})["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "\u00e4", "<script>", "a;b"])
def test_other_request_ids_are_replaced(sent):
    answer = Client().get("/nowhere", headers={"X-Request-Id": sent})
    assert len(answer["X-Request-Id"]) == 32
    assert answer.json()["error"]["request_id"] == answer["X-Request-Id"]


def test_request_begins_without_the_author_of_the_last(request_):
    seen = []

    def view(request):
        seen.append(requests.current())
        requests.known_as(requests.Actor("key:earlier", frozenset({"admin"})))
        return HttpResponse()

    for _ in range(2):
        RequestIdMiddleware(view)(request_)
    assert [request.actor for request in seen] == [requests.ANONYMOUS] * 2
    assert seen[1].address == "127.0.0.1"
    assert requests.current() == requests.Request()


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{'a' * 32}-{'b' * 16}-01"])
def test_what_is_logged_names_the_request_and_its_trace(sent):
    seen = []

    def view(request):
        seen.append(structlog.contextvars.get_contextvars())
        return HttpResponse()

    answer = RequestIdMiddleware(view)(RequestFactory().get("/", headers={"traceparent": sent}))
    trace = {"trace_id": "a" * 32, "parent_id": "b" * 16} if sent.startswith("00") else {}
    assert seen == [{"request_id": answer["X-Request-Id"], **trace}]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("status", [200, 201, 302])
def test_what_a_view_stores_is_kept(request_, status):
    view, stored = storing(status)
    assert serve(request_, view).status_code == status
    assert stored()


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_refusal_stores_nothing(request_, status):
    view, stored = storing(status)
    assert serve(request_, view).status_code == status
    assert not stored()


def test_defect_stores_nothing_and_passes_on(request_):
    view, stored = storing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        serve(request_, view)
    assert not stored()


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection already closed")])
def test_database_that_is_away_is_said_with_when_to_come_back(request_, error):
    view, stored = storing(error)
    answer = serve(request_, view)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert not stored()


def test_view_runs_in_a_transaction_that_belongs_to_nobody(request_):
    seen = []
    with context.within(context.PLATFORM):
        serve(request_, lambda request: seen.append((context.current(), connection.in_atomic_block)) or HttpResponse())
        assert context.current() == context.PLATFORM
    assert seen == [(context.NOBODY, True)]


def test_scope_a_view_enters_ends_with_its_request(request_, owner):
    def view(request):
        context.enter(context.Scope(tenant_id=owner.tenant.id))
        return HttpResponse()

    serve(request_, view)
    assert context.current() == context.NOBODY


def test_view_that_is_marked_runs_outside(request_):
    assert serve(request_, outside_transaction(lambda request: HttpResponse())) is None


def test_templates_are_rendered_inside_the_transaction(request_):
    class Answer(SimpleTemplateResponse):
        @property
        def rendered_content(self):
            return str(connection.in_atomic_block)

    answer = serve(request_, lambda request: Answer("any.html"))
    assert answer.content == b"True"


@pytest.mark.parametrize(
    ("app", "role", "sees_all", "granted"),
    [
        ("admin", "is_superuser", True, permissions.SUPERADMIN),
        ("admin", "is_auditor", True, permissions.AUDITOR),
        ("admin", "", False, frozenset()),
        ("api", "is_superuser", False, frozenset()),
    ],
)
def test_platforms_people_see_everybody_in_the_console_only(request_, app, role, sees_all, granted):
    request_.resolver_match = SimpleNamespace(app_name=app)
    request_.user = User(email="ada@example.com", **({role: True} if role else {}))
    request_.session = {}
    seen = []
    with requests.serving(request_):
        serve(
            request_,
            lambda request: seen.append((context.current().platform, requests.current().actor)) or HttpResponse(),
        )
    assert seen[0][0] == sees_all
    actor = seen[0][1]
    assert actor.name == ("user:ada@example.com" if app == "admin" else "anonymous")
    assert actor.granted == granted


def test_person_who_is_not_logged_in_is_nobody_in_the_console(request_):
    request_.resolver_match = SimpleNamespace(app_name="admin")
    request_.user = SimpleNamespace(is_authenticated=False)
    seen = []
    serve(request_, lambda request: seen.append(context.current()) or HttpResponse())
    assert seen == [context.NOBODY]


PROXY, CLIENT = "10.0.0.1", "203.0.113.7"


@pytest.fixture
def behind_a_proxy(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def seen(peer, **headers):
    """The client's address, and whether it is taken to have come by https."""
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers)
    with requests.serving(request):
        return requests.current().address, request.is_secure()


@pytest.mark.usefixtures("behind_a_proxy")
def test_request_comes_from_the_client_before_the_proxy():
    assert seen(PROXY, X_Forwarded_For=f"198.51.100.1, {CLIENT}") == (CLIENT, False)


@pytest.mark.usefixtures("behind_a_proxy")
def test_only_a_proxy_is_believed():
    assert seen(CLIENT, X_Forwarded_For="198.51.100.1", X_Forwarded_Proto="https") == (CLIENT, False)
    assert seen(PROXY, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https") == (CLIENT, True)


def test_nobody_is_believed_unless_said():
    assert seen(PROXY, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https") == (PROXY, False)


@pytest.mark.parametrize("peer", ["", "nonsense"])
def test_caller_without_an_address_has_none(peer):
    assert seen(peer, X_Forwarded_For=CLIENT) == (None, False)


@pytest.mark.usefixtures("behind_a_proxy")
def test_audit_trail_has_the_clients_address(owner):
    client = Client(REMOTE_ADDR=PROXY, headers={"X-API-Key": owner.key, "X-Forwarded-For": f"::1, {CLIENT}:5123"})
    key = client.post("/api/v1/api-keys", {"name": "ci", "scopes": ["jobs:read"]}, content_type="application/json")
    assert key.status_code == 201
    found = rows.fetch("SELECT host(address) FROM audit_event WHERE object_id = %s", str(key.json()["id"]))
    assert found == [(CLIENT,)]
