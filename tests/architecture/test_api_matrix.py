"""Every route and method of the API, asked by everybody: each is told exactly what docs/api.md says.

A test is a route; who and which method failed in it is named, all of them. In this order: who is it (401), does the tenant work (403 TENANT_SUSPENDED), may they (403 MISSING_SCOPE),
is there such a row and such a method (404, 405). What is left is the route's own business.
"""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from tenants.rules import api_keys, permissions
from tests.support import actors, api_routes, belongings, cases, people, rows
from tests.support.actors import Api
from tests.support.api_routes import Route

#: Keys with a role's words, and people who have logged in.
ROLES = {
    **permissions.OF_ROLES,
    "platform": frozenset({permissions.PLATFORM}),
    **{f"{role} in person": granted for role, granted in permissions.OF_ROLES.items()},
    "auditor in person": permissions.AUDITOR,
    "superadmin in person": permissions.SUPERADMIN,
}
#: A body that says nothing of what is to be made.
NOTHING_DECLARED = (422, "VALIDATION_FAILED")
every_route = pytest.mark.parametrize("route", api_routes.GUARDED, ids=lambda route: route.path)


def test_the_url_conf_is_read_as_it_is() -> None:
    paths = {route.path for route in api_routes.ALL}
    assert {"jobs", "jobs/<str:id>", "jobs/<str:id>/trigger", "executions/<str:id>/logs", "api-keys"} <= paths
    assert len(api_routes.WITH_ID) >= 20
    assert {"get", "put", "patch", "delete"} == set(
        next(r for r in api_routes.ALL if r.path == "jobs/<str:id>").actions
    )


@pytest.fixture(scope="module")
def world() -> Any:
    """A tenant with a row for each resource, and keys of it in every condition."""
    owner = actors.owner()
    of_keys = {name: granted for name, granted in ROLES.items() if " " not in name}
    keys = {name: actors.with_scopes(owner, sorted(granted)).api for name, granted in of_keys.items()}
    suspended = actors.owner()
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", suspended.tenant.id)
    return SimpleNamespace(
        owner=owner, rows=belongings.of(owner), askers=keys | _people(owner.tenant), suspended=suspended,
        unknown=Api(api_keys.generate().text), garbage=Api("ck_nonsense"), anonymous=Api(""),
        expired=_spoiled(owner, "expires_at"), revoked=_spoiled(owner, "revoked_at"),
    )  # fmt: skip


def _people(tenant: Any) -> dict[str, Api]:
    """Of the tenant in each role; of the platform, naming it."""
    members = {f"{role} in person": people.member(tenant, role).api() for role in permissions.OF_ROLES}
    at_large = {"auditor": people.somebody(is_auditor=True), "superadmin": people.somebody(is_superuser=True)}
    return members | {f"{role} in person": person.api(tenant=tenant.slug) for role, person in at_large.items()}


def _spoiled(owner: Any, column: str) -> Api:
    key = actors.with_scopes(owner, list(permissions.OF_TENANTS))
    key_id = key.key.split("_")[1]
    rows.change(f"UPDATE api_key SET {column} = now() - interval '1 second' WHERE key_id = %s", key_id)
    return key.api


def ask(api: Api, route: Route, method: str, identifier: Any) -> Any:
    """The answer; what it changed is forgotten."""
    with transaction.atomic():
        answer = api.send(method, route.at(identifier), {})
        transaction.set_rollback(True)
    return answer


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def own_id(world: Any, route: Route, method: str) -> Any:
    return world.rows[route.resource][1 if route.declares(method) else 0] if "<" in route.path else None


@every_route
def test_who_is_not_known_is_told_so(world: Any, route: Route) -> None:
    with cases.each() as case:
        for method, who in product(route.methods, ("anonymous", "unknown", "garbage", "revoked", "expired")):
            with case(f"{method} {who}"):
                answer = ask(getattr(world, who), route, method, own_id(world, route, method))
                assert told(answer) == (401, "KEY_EXPIRED" if who == "expired" else "UNAUTHENTICATED")
                assert answer["WWW-Authenticate"].startswith("Bearer")


@every_route
def test_who_is_of_a_suspended_tenant_is_told_so(world: Any, route: Route) -> None:
    with cases.each() as case:
        for method in route.methods:
            with case(method):
                answer = ask(world.suspended.api, route, method, own_id(world, route, method))
                assert told(answer) == (403, "TENANT_SUSPENDED")


@every_route
def test_each_role_may_what_its_words_say_and_nothing_else(world: Any, route: Route) -> None:
    with cases.each() as case:
        for method, role in product(route.methods, ROLES):
            with case(f"{method} {role}"):
                _is_told_what_its_words_say(world, route, method, role)


def _is_told_what_its_words_say(world: Any, route: Route, method: str, role: str) -> None:
    answer = ask(world.askers[role], route, method, own_id(world, route, method))
    needed = route.needs(method)
    if not route.lets_in(ROLES[role], method):
        assert told(answer) == (403, "MISSING_SCOPE")
        assert answer.json()["error"]["details"]["required"] == needed
    elif method.lower() not in route.actions:
        assert told(answer) == (405, "METHOD_NOT_ALLOWED")
    elif needed == permissions.ANYBODY:
        # Of oneself: a key has neither a password nor a session, and somebody's session is not another's.
        assert answer.status_code in (200, 204, 403, 404, 422), answer.content
    else:
        assert answer.status_code in (200, 201, 202, 204, 409, 422), answer.content


@every_route
def test_a_key_with_every_word_but_the_needed_one_is_refused(world: Any, route: Route) -> None:
    with cases.each() as case:
        for method in route.methods:
            with case(method):
                needed = route.needs(method)
                if needed == permissions.ANYBODY:
                    continue
                others = [word for word in permissions.OF_TENANTS if word not in (needed, "admin")]
                answer = ask(_key_with(world, others), route, method, own_id(world, route, method))
                assert told(answer) == (403, "MISSING_SCOPE")


def _key_with(world: Any, scopes: list[str]) -> Api:
    name = " ".join(scopes)
    if name not in world.askers:
        world.askers[name] = actors.with_scopes(world.owner, scopes).api
    return world.askers[name]  # type: ignore[no-any-return]


@pytest.mark.parametrize("route", api_routes.WITH_ID, ids=lambda route: route.path)
def test_who_may_is_told_that_what_is_not_there_is_not_there(world: Any, route: Route) -> None:
    with cases.each() as case:
        for method, absent in product(route.methods, (uuid4(), "nonsense", "a%00b")):
            with case(f"{method} {absent}"):
                expected = (404, "NOT_FOUND") if method.lower() in route.actions else (405, "METHOD_NOT_ALLOWED")
                unsaid = route.declares(method) and absent != "a%00b" and not isinstance(absent, UUID)
                answer = ask(world.owner.api, route, method, absent)
                assert told(answer) == (NOTHING_DECLARED if unsaid else expected)
