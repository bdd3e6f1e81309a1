"""Every address of the console, asked by everybody: whoever has its words of permission is let in, and nobody else.

What each address takes is read from what its page declares; who has which words stands here once more, by
hand. Whatever is asked is undone, so that each question meets the same rows.
"""

from __future__ import annotations

from itertools import cycle
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client

from tests.support import console as support
from tests.support import console_routes, rows
from tests.support.console import Console
from tests.support.console_routes import Route

_READERS = {"viewer", "runner", "editor", "own_editor", "admin", "auditor", "superadmin"}
_WRITERS = {"editor", "own_editor", "admin", "superadmin"}
WHO_HAS = {
    "jobs:read": _READERS,
    "executions:read": _READERS,
    "logs:read": _READERS - {"auditor"},
    "payloads:read": _WRITERS | {"runner"},
    "executions:run": _WRITERS | {"runner"},
    "jobs:write": _WRITERS,
    "secrets:write": _WRITERS,
    "audit:read": {"admin", "auditor", "superadmin"},
    "admin": {"admin", "superadmin"},
    "platform": {"superadmin"},
}
#: Of tenants themselves: for the platform's people, and for who administers one, which is all they see.
OF_RULERS = {"tenants.tenant"}
ROLES = sorted(_READERS)
#: The installation's rows, which are no tenant's.
SHARED = {"jobs.queue", "jobs.worker", "django_celery_results.taskresult", "django_celery_results.groupresult"}
#: Answered to everybody who is logged in.
FOR_ALL = {"tenant", "password_change", "password_change_done", "jsi18n", "logout", "login"}
#: Of the log-in by a provider, which the settings of these tests name none for.
OF_PROVIDERS = {"console-oidc-start", "console-oidc-callback"}
#: Django's change page takes no POST from anybody: rows change through services.
READ_ONLY = {"change"}


@pytest.fixture(scope="module")
def world() -> Any:
    """A tenant with a row of everything, people in every role of it, and others who have nothing to do with it."""
    furniture = support.furnish()
    tenant = furniture["tenants.tenant"]
    rows.schedule((furniture["jobs.job"], tenant))
    people = {role: Console(support.member(tenant, role)) for role in ("viewer", "runner", "editor", "admin")}
    people["own_editor"] = Console(support.member(tenant, "editor", own_jobs_only=True))
    people["auditor"] = Console(support.auditor())
    people["superadmin"] = Console()
    return SimpleNamespace(
        furniture=furniture, people=people, tenant=tenant, anonymous=Client(),
        nobody=Console(support.person(superuser=False)),
        outsider=Console(support.member(rows.tenant(), "admin")),
    )  # fmt: skip


def ask(client: Client, method: str, address: str) -> Any:
    """The answer; what it changed is forgotten."""
    client.cookies.pop("messages", None)
    with transaction.atomic():
        answer = client.generic(method, address, headers={"Content-Type": "application/x-www-form-urlencoded"})
        transaction.set_rollback(True)
    return answer


def may(role: str, route: Route) -> bool:
    if route.is_djangos_deletion or (route.model in OF_RULERS and role not in ("admin", "auditor", "superadmin")):
        return False
    if route.kind == "add" and not route.page.add_permission:
        return False
    if role == "own_editor" and route.has_row and "jobs:write" in route.needs:
        return False  # the rows of this world are nobody's own
    return all(role in WHO_HAS[word] for word in route.needs)


def of(route: Route, world: Any) -> Any:
    return world.furniture.keys.get(route.model, 1)


def test_the_url_conf_is_read_as_it_is() -> None:
    names = {route.name for route in console_routes.ALL}
    assert {"index", "tenant", "jobs_job_run_now", "jobs_job_definition", "tenants_apikey_revoke"} <= names
    assert len(console_routes.OF_MODELS) > 80
    assert {word for route in console_routes.OF_MODELS for word in route.needs} <= set(WHO_HAS)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_let_in_where_it_has_the_words(world: Any, role: str, method: str) -> None:
    wrong = {}
    for route in console_routes.OF_MODELS:
        answer = ask(world.people[role].client, method, route.at(of(route, world)))
        allowed = may(role, route) and not (method == "POST" and route.kind in READ_ONLY)
        if not route.name:  # Django's old address of a row leads to its page
            allowed = True
        if (answer.status_code in (200, 302)) != allowed or answer.status_code not in (200, 302, 403):
            wrong[route.name] = answer.status_code
        elif b"lack the permission" in getattr(answer, "content", b"") and allowed:
            wrong[route.name] = "let in, and refused by the service"
    assert wrong == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_are_sent_to_the_log_in(world: Any, method: str) -> None:
    for route in console_routes.ALL:
        if route.kind not in ("login", "logout", "jsi18n"):
            answer = ask(world.anonymous, method, route.at(of(route, world)))
            assert answer.status_code in (302, 404), route
            assert answer.status_code == 404 or answer["Location"].startswith("/admin/login/"), route


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_belongs_nowhere_is_told_so_on_every_page(world: Any, method: str) -> None:
    for route in console_routes.ALL:
        if route.kind in FOR_ALL | OF_PROVIDERS:
            continue
        answer = ask(world.nobody.client, method, route.at(of(route, world)))
        assert answer.status_code == (200 if route.kind == "index" else 403), route
        assert "You belong to no tenant yet" in support.text_of(answer.content.decode()), route


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_what_is_another_tenants_is_answered_as_if_it_were_not_there(world: Any, method: str) -> None:
    for route in console_routes.OF_MODELS:
        if not route.has_row or route.model in SHARED:
            continue
        theirs, absent = of(route, world), uuid4()
        answers = [ask(world.outsider.client, method, route.at(key)) for key in (theirs, absent)]
        told = [_told(answer, key) for answer, key in zip(answers, (theirs, absent), strict=True)]
        assert told[0] == told[1], route
        assert answers[0].status_code in (302, 403), route


def _told(answer: Any, key: Any) -> tuple[int, str, str]:
    text = support.text_of(answer.content.decode()).replace(str(key), "<key>")
    return answer.status_code, answer.get("Location", "").replace(str(key), "<key>"), text


def test_no_list_shows_another_tenants_rows(world: Any) -> None:
    for route in console_routes.OF_MODELS:
        if route.kind == "changelist" and route.model not in SHARED and may("admin", route):
            page = ask(world.outsider.client, "GET", route.at()).content.decode()
            assert str(world.furniture[route.model]) not in page, route


def test_other_methods_change_nothing(world: Any) -> None:
    """Two of them at each address, in turn."""
    before = support.contents()
    turns = cycle([("HEAD", "PUT"), ("OPTIONS", "DELETE"), ("PATCH", "TRACE")])
    for route, methods in zip(console_routes.ALL, turns, strict=False):
        if route.kind != "logout":
            for method in methods:
                world.people["superadmin"].client.generic(method, route.at(of(route, world)))
    assert support.contents() == before


def test_lists_are_not_asked_about_fields_they_do_not_offer(world: Any) -> None:
    """``?payload__x__startswith=a`` would tell letter by letter what is not shown."""
    asked, further = 0, cycle(["__regex", "__secret__startswith"])
    for route in console_routes.OF_MODELS:
        if route.kind != "changelist":
            continue
        offered = {name.partition("__")[0] for name in _filters(route.page)}
        for field in route.page.model._meta.concrete_fields:
            for suffix in ("__startswith", next(further), *(() if field.name in offered else ("",))):
                answer = world.people["superadmin"].client.get(route.at(), {f"{field.name}{suffix}": "a"})
                assert answer.status_code == 400, (route.name, field.name, suffix)
                asked += 1
    assert asked > 200


def _filters(page: Any) -> set[str]:
    names = set(page.extra_lookups)
    for entry in page.list_filter:
        name = entry if isinstance(entry, str) else entry[0] if isinstance(entry, tuple) else entry.parameter_name
        names.add(name)
    return names


def test_lists_are_not_asked_through_relations(world: Any) -> None:
    viewer = world.people["viewer"].client
    for lookup in (
        "job__payload__startswith",
        "job__name__startswith",
        "tenant__membership__user__email",
        "job__owner",
    ):
        assert viewer.get(support.url("jobs_execution_changelist"), {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_may_not_is_told_so_also_of_what_is_not_there(world: Any, method: str) -> None:
    for route in console_routes.OF_MODELS:
        if route.has_row and route.name and not may("viewer", route):
            assert ask(world.people["viewer"].client, method, route.at(uuid4())).status_code == 403, route
