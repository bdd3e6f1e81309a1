"""In which tenant somebody works, and what becomes of them when that ends."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def _named(name: str) -> Any:
    tenant = rows.tenant(name=name)
    rows.job(tenant, name=f"job of {name}")
    return tenant


def _slug(tenant: Any) -> str:
    return str(rows.fetch("SELECT slug FROM tenant WHERE id = %s", tenant)[0][0])


def _jobs(console: Console) -> set[str]:
    answer = console.get("jobs_job_changelist", q="job of ")  # on one page, whatever else is in the database
    assert answer.status_code == 200, answer.status_code
    return {job.name for job in answer.context["cl"].result_list}


def _choose(console: Console, tenant: Any, **fields: Any) -> Any:
    return console.client.post(support.url("tenant"), {"tenant": str(tenant), **fields})


def test_a_member_of_one_tenant_is_in_it_at_once() -> None:
    member = Console(support.member(_named("Acme")))
    _named("Other")
    assert _jobs(member) == {"job of Acme"}
    page = member.page("index")
    assert "Acme" in page
    assert support.url("tenant") not in page, "there is nothing to choose"


def test_a_member_of_several_is_asked_and_led_to_where_they_wanted_to_go() -> None:
    one, two = _named("One"), _named("Two")
    member = Console(support.member(two, of=support.member(one)))
    wanted = support.url("jobs_job_changelist")
    asked = member.client.get(wanted)
    assert asked["Location"] == f"{support.url('tenant')}?next=%2Fadmin%2Fjobs%2Fjob%2F"
    assert "Two" in member.client.get(asked["Location"]).content.decode()
    answer = _choose(member, two, next=wanted)
    assert answer["Location"] == wanted
    assert _jobs(member) == {"job of Two"}
    _choose(member, one)
    assert _jobs(member) == {"job of One"}


def test_before_they_chose_nothing_is_done() -> None:
    member = Console(support.member(rows.tenant(), "admin", of=support.member(rows.tenant(), "admin")))
    answer = member.client.post(support.url("jobs_job_add"), {"name": "x"})
    assert answer["Location"] == support.url("tenant")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_choosing_leads_nowhere_else(elsewhere: str) -> None:
    tenant = rows.tenant()
    member = Console(support.member(rows.tenant(), of=support.member(tenant)))
    assert _choose(member, tenant, next=elsewhere)["Location"] == support.url("index")


@pytest.mark.parametrize("wanted", ["", "nonsense", "01a1fbd5-7952-73ce-80d2-38c3b3b6e01a", None])
def test_nobody_chooses_what_is_not_theirs(wanted: str | None) -> None:
    theirs = _named("Acme")
    member = Console(support.member(theirs))
    other = _named("Other") if wanted is None else wanted
    assert _choose(member, other)["Location"] == support.url("tenant")
    assert _jobs(member) == {"job of Acme"}


def test_who_is_thrown_out_is_told_at_the_next_click_and_does_nothing_elsewhere_by_mistake() -> None:
    one, two = rows.tenant(), rows.tenant()
    member = Console(support.member(two, "admin", of=support.member(one, "admin")))
    _choose(member, one)
    rows.change("DELETE FROM membership WHERE tenant_id = %s", one)
    answer = member.client.post(support.url("jobs_job_add"), {"name": "meant for one", "type": "dummy"})
    assert answer["Location"] == support.url("index")
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "You no longer belong to the tenant that you worked in."
    ]
    assert rows.fetch("SELECT 1 FROM job WHERE tenant_id = %s", two) == []
    assert member.get("jobs_job_changelist").status_code == 200


def test_a_role_that_is_taken_away_is_gone_at_the_next_click() -> None:
    tenant = rows.tenant()
    member = Console(support.member(tenant, "editor"))
    assert member.get("jobs_job_add").status_code == 200
    rows.change("UPDATE membership SET role = 'viewer' WHERE tenant_id = %s", tenant)
    answer = member.get("jobs_job_add")
    assert answer.status_code == 403
    assert "You lack the permission jobs:write: it comes with the role editor" in answer.content.decode()


def test_members_of_a_suspended_tenant_are_told_so_and_may_go_elsewhere() -> None:
    tenant = rows.tenant(state="suspended")
    user = support.member(tenant)
    member = Console(user)
    assert "This tenant is suspended" in member.page("index")
    assert member.get("jobs_job_changelist").status_code == 403
    support.member(_named("Open"), of=user)
    _choose(member, tenant)
    assert support.url("tenant") in member.page("index")
    assert "suspended" in member.page("tenant")


def test_the_platforms_people_look_at_all_tenants_or_at_one() -> None:
    one, _ = _named("One"), _named("Two")
    for console in (Console(), Console(support.auditor())):
        assert {"job of One", "job of Two"} <= _jobs(console)
        _choose(console, one)
        assert _jobs(console) == {"job of One"}
        assert "tenant_name" not in console.get("jobs_job_changelist").context["cl"].list_display
        _choose(console, "")
        assert {"job of One", "job of Two"} <= _jobs(console)


def test_what_is_the_installations_is_whole_also_for_who_looks_at_one_tenant(console: Console) -> None:
    one, two = _named("One"), _named("Two")
    _choose(console, one)
    assert support.url("tenants_tenant_change", two) in console.page("tenants_tenant_changelist", q=_slug(two))
    console.pressed("tenants_tenant_suspend", two)
    console.pressed("jobs_queue_pause", "default")
    console.pressed("jobs_queue_resume", "default")
    told = rows.fetch("SELECT action FROM audit_event WHERE actor = %s ORDER BY id", f"user:{console.user.email}")
    assert [action for (action,) in told] == ["tenant.suspended", "queue.paused", "queue.resumed"]


def test_an_auditor_who_is_a_member_works_there_by_their_role() -> None:
    tenant = _named("Acme")
    auditor = Console(support.member(tenant, "editor", of=support.auditor()))
    assert auditor.get("jobs_job_add").status_code == 403
    _choose(auditor, tenant)
    assert auditor.get("jobs_job_add").status_code == 200
    assert _jobs(auditor) == {"job of Acme"}


def test_a_form_that_was_opened_in_another_tenant_stores_nothing() -> None:
    one, two = rows.tenant(), rows.tenant()
    member = Console(support.member(two, "admin", of=support.member(one, "admin")))
    _choose(member, one)
    page = member.page("jobs_job_add")
    assert f'name="working_in" value="{one}"' in page
    _choose(member, two)
    form = {"name": "x", "type": "dummy", "payload": "{}", "queue": "default", "priority": 5, "timeout_seconds": 60}
    form |= {"overlap": "skip", "retry": "{}", "timezone": "UTC"}
    answer = member.client.post(support.url("jobs_job_add"), {**form, "working_in": str(one)})
    assert "You have gone to another tenant" in answer.content.decode()
    assert member.client.post(support.url("jobs_job_add"), {**form, "working_in": str(two)}).status_code == 302
    assert rows.fetch("SELECT tenant_id FROM job WHERE name = 'x' AND tenant_id IN (%s, %s)", one, two) == [(two,)]


def test_a_member_makes_rows_in_their_tenant_whatever_tenant_they_send() -> None:
    tenant, other = rows.tenant(), rows.tenant()
    admin = Console(support.member(tenant, "admin"))
    form = {"tenant": str(other), "name": "billing", "scopes": ["jobs:read"], "days": ""}
    assert admin.client.post(support.url("tenants_apikey_add"), form).status_code == 200
    assert rows.fetch("SELECT tenant_id FROM api_key WHERE tenant_id IN (%s, %s)", tenant, other) == [(tenant,)]
    answer = admin.client.post(support.url("tenants_apikey_add"), {**form, "scopes": ["platform"]})
    assert "scopes" in answer.context["form"].errors


def test_many_tenants_are_found_by_part_of_their_slug(console: Console) -> None:
    wanted = rows.tenant(slug="zz-the-wanted-one")
    for number in range(55):
        rows.tenant(slug=f"aa-{number:02}-{wanted.hex[:8]}")
    first = console.page("tenant")
    assert "There are more" in first
    assert "zz-the-wanted-one" not in first
    assert "zz-the-wanted-one" in console.page("tenant", q="the-wanted")


def test_part_of_a_page_that_asks_sends_the_browser_to_where_it_belongs() -> None:
    member = Console(support.member(rows.tenant(), of=support.member(rows.tenant())))
    answer = member.client.get(support.url("index"), headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, support.url("tenant"))


def test_an_administrator_exports_the_trail_of_their_tenant_alone() -> None:
    tenant, other = rows.tenant(), rows.tenant()
    theirs, foreign = support.audit_event(tenant), support.audit_event(other)
    admin = Console(support.member(tenant, "admin"))
    url = support.url("tenants_auditevent_export")
    assert "of every tenant" not in admin.page("tenants_auditevent_export")
    answer = admin.client.post(f"{url}?object_type=job", {"form": "csv"})
    assert answer.status_code == 200, support.problems(answer)
    said = answer.getvalue().decode()
    assert str(theirs) in said
    assert str(foreign) not in said
