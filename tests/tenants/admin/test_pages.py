"""Every address of the console: who may open it, and that looking changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.support import console as support
from tests.support.console import Console, Furniture

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)+")
#: Addresses that are not of one row.
_ARGUMENTS = {"app_label": "jobs", "content_type_id": "1", "url": "nowhere"}

#: What would make a person with every right, or a tenant, wherever it is taken.
NEW_ADMINISTRATOR = {
    "email": "a@example.com",
    "password": "a long enough password",
    "is_superuser": "on",
    "slug": "x",
    "name": "x",
    "weight": 1,
}


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from _patterns(entry, route)


def routes() -> list[str]:
    """Every route of the console, with its arguments still in it."""
    return [route for route in _patterns(get_resolver()) if route.startswith("admin/")]


def paths(furniture: Furniture) -> list[str]:
    """Every address of the console, of rows that are there."""
    return ["/" + _filled(route, furniture) for route in routes()]


def _filled(route: str, furniture: Furniture) -> str:
    filled = _ARGUMENT.sub(lambda found: _value(route, found, furniture), route)
    return re.sub(r"[\^$]|\\Z", "", filled)


def _value(route: str, found: re.Match[str], furniture: Furniture) -> str:
    name = found[1] or found[2]
    if name == "object_id":
        app, model = route.split("/")[1:3]
        return str(furniture.keys.get(f"{app}.{model}", 1))
    return _ARGUMENTS[name]


def test_looking_at_every_page_changes_nothing(console: Console) -> None:
    furniture = support.furnish()
    addresses = paths(furniture)
    assert len(addresses) > 80
    before = support.contents()

    answers = {address: console.client.get(address).status_code for address in addresses}

    assert support.contents() == before
    assert {address: code for address, code in answers.items() if code not in {200, 302, 403, 404, 405}} == {}
    assert list(answers.values()).count(200) > 50


def test_every_list_and_every_row_has_a_page(console: Console) -> None:
    furniture = support.furnish()
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        console.page(f"{name}_changelist")
        page = console.page(f"{name}_change", furniture[model._meta.label_lower])
        assert "console" in page


def test_staff_without_platform_rights_see_nothing_and_may_nothing() -> None:
    furniture = support.furnish()
    helper = Console(support.person(superuser=False))
    before = support.contents()

    for address in paths(furniture):
        if _belongs_to_a_model(address) and "/history/" not in address:
            for answer in (helper.client.get(address), helper.client.post(address, NEW_ADMINISTRATOR)):
                assert answer.status_code == 403 or answer["Location"].endswith("/change/"), address
    assert "Ask one of them" in support.text_of(helper.page("index"))
    assert support.contents() == before


def test_strangers_are_sent_to_the_log_in() -> None:
    furniture = support.furnish()
    stranger = Client()
    for name, key in (("jobs_job_change", furniture["jobs.job"]), ("jobs_job_run_now", furniture["jobs.job"])):
        answer = stranger.get(support.url(name, key))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_row_that_is_gone_leads_back_to_its_list(console: Console) -> None:
    answer = console.get("jobs_job_change", "01a1fbd5-7952-73ce-80d2-38c3b3b6e01a")
    assert answer.status_code == 302
    assert answer["Location"] == support.url("jobs_job_changelist")


def test_history_is_the_audit_trail(console: Console) -> None:
    furniture = support.furnish()
    answer = console.get("jobs_job_history", furniture["jobs.job"])
    assert answer["Location"].endswith(f"auditevent/?object_type=job&object_id={furniture['jobs.job']}")
    assert console.client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/jobs/execution/"])
def test_console_pages_carry_their_own_policy(console: Console, address: str) -> None:
    policy = console.client.get(address)["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "default-src 'none'" in policy


def test_other_pages_do_not_carry_the_consoles_policy() -> None:
    assert "Content-Security-Policy" not in Client().get("/health/live")


def _belongs_to_a_model(address: str) -> bool:
    known = {f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
    return any(address.startswith(prefix) for prefix in known)
