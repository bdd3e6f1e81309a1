"""Tenants at the console."""

from __future__ import annotations

import secrets
from typing import Any

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

LIMITS = {"name": "Acme", "weight": 3, "max_running": 20, "allowed_hosts": "api.internal:8080\n10.0.0.0/8\n"}
LIMITS["api_rate_limit"] = "50/s"
LIMITS["allow_network"] = "on"
LIMITS["allowed_callables"] = "shop.jobs:*\nreports.daily\n"
LIMITS["allowed_tasks"] = "shop.tasks.*\n"


def _row(tenant: Any) -> Any:
    return rows.fetch("SELECT name, weight, max_running, allowed_hosts, state FROM tenant WHERE id = %s", tenant)[0]


def test_a_new_tenant_is_made_with_its_limits(console: Console) -> None:
    slug = f"t-{secrets.token_hex(4)}"
    answer = console.client.post(support.url("tenants_tenant_add"), {"slug": slug, **LIMITS})
    assert answer.status_code == 302, support.problems(answer)
    ((made,),) = rows.fetch("SELECT id FROM tenant WHERE slug = %s", slug)
    assert answer["Location"] == support.url("tenants_tenant_change", made)
    assert _row(made) == ("Acme", 3, 20, ["api.internal:8080", "10.0.0.0/8"], "active")
    assert rows.fetch("SELECT allow_network, allow_requirements FROM tenant WHERE id = %s", made) == [(True, False)]
    assert "use the network" in console.page("tenants_tenant_change", made)


def test_a_slug_taken_is_refused_beside_the_slug(console: Console) -> None:
    slug = f"t-{secrets.token_hex(4)}"
    rows.tenant(slug=slug)
    answer = console.client.post(support.url("tenants_tenant_add"), {"slug": slug, **LIMITS})
    assert "is taken" in answer.context["form"].errors["slug"][0]


def test_limits_are_shown_and_changed(console: Console) -> None:
    tenant = rows.tenant(name="Before", max_running=5)
    form = console.get("tenants_tenant_limits", tenant).context["form"]
    assert (form.initial["name"], form.initial["max_running"]) == ("Before", 5)
    console.pressed("tenants_tenant_limits", tenant, **LIMITS)
    assert _row(tenant)[:4] == ("Acme", 3, 20, ["api.internal:8080", "10.0.0.0/8"])
    page = console.page("tenants_tenant_change", tenant)
    assert "shop.jobs:*, reports.daily" in page
    assert "50/s" in page


def test_a_host_that_is_none_is_refused_beside_the_hosts(console: Console) -> None:
    tenant = rows.tenant()
    answer = console.press("tenants_tenant_limits", tenant, **{**LIMITS, "allowed_hosts": "http://x/"})
    assert "allowed_hosts" in answer.context["form"].errors


def test_a_callable_that_is_none_is_refused_beside_the_callables(console: Console) -> None:
    tenant = rows.tenant()
    answer = console.press("tenants_tenant_limits", tenant, **{**LIMITS, "allowed_callables": "a b"})
    assert "allowed_callables" in answer.context["form"].errors


def test_tasks_are_granted_beside_the_callables(console: Console) -> None:
    tenant = rows.tenant()
    console.press("tenants_tenant_limits", tenant, **LIMITS)
    assert rows.fetch("SELECT allowed_tasks FROM tenant WHERE id = %s", tenant) == [(["shop.tasks.*"],)]
    answer = console.press("tenants_tenant_limits", tenant, **{**LIMITS, "allowed_tasks": "a b"})
    assert "allowed_tasks" in answer.context["form"].errors


def test_a_tenant_is_suspended_and_activated(console: Console) -> None:
    tenant = rows.tenant()
    for button, state in {"suspend": "suspended", "activate": "active"}.items():
        console.pressed(f"tenants_tenant_{button}", tenant)
        assert _row(tenant)[4] == state


def test_a_page_leads_to_what_is_the_tenants(console: Console) -> None:
    tenant = rows.tenant()
    page = console.page("tenants_tenant_change", tenant)
    assert f"{support.url('jobs_execution_changelist')}?tenant__id__exact={tenant}" in page


def test_an_administrator_of_a_tenant_sees_it_alone_and_changes_what_is_theirs(console: Console) -> None:
    tenant, other = rows.tenant(), rows.tenant()
    theirs = Console(support.member(tenant, "admin"))
    assert [row.pk for row in theirs.get("tenants_tenant_changelist").context["cl"].result_list] == [tenant]
    page = theirs.page("tenants_tenant_change", tenant)
    for name, is_offered in {
        "rename": True,
        "defaults": True,
        "limits": False,
        "quotas": False,
        "suspend": False,
    }.items():
        assert (support.url(f"tenants_tenant_{name}", tenant) in page) == is_offered, name
    theirs.pressed("tenants_tenant_rename", tenant, name="Ours")
    theirs.pressed("tenants_tenant_defaults", tenant, timezone="Europe/Berlin")
    assert rows.fetch("SELECT name, default_timezone FROM tenant WHERE id = %s", tenant) == [("Ours", "Europe/Berlin")]
    assert theirs.press("tenants_tenant_suspend", tenant).status_code == 403
    theirs.press("tenants_tenant_rename", other, name="Ours too")
    assert _row(other)[0] != "Ours too"


def test_others_of_a_tenant_do_not_see_its_page(console: Console) -> None:
    tenant = rows.tenant()
    for role in ("viewer", "runner", "editor"):
        assert Console(support.member(tenant, role)).get("tenants_tenant_change", tenant).status_code == 403
