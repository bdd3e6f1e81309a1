"""What a tenant may have and has used of jobs, at the console."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.support import console as support
from tests.support import invitees, rows
from tests.support.console import Console

PAGE = "tenants_tenant_change"


def _stored(tenant, *columns):
    return rows.fetch(f"SELECT {', '.join(columns)} FROM tenant WHERE id = %s", tenant)[0]


def _used(tenant, ago, **counts):
    day = (rows.now() - timedelta(days=ago)).date()
    zero = dict.fromkeys(("succeeded", "failed", "cancelled", "skipped", "run_seconds", "log_bytes"), 0)
    rows.insert("usage_day", id=uuid4(), tenant_id=tenant, day=day, **(zero | counts))


@pytest.fixture
def console():
    return Console()


def test_quotas_and_grants_are_shown_and_changed(console):
    tenant = rows.tenant(max_jobs=5, allowed_queues='["default"]')
    form = console.get("tenants_tenant_quotas", tenant).context["form"]
    assert (form.initial["max_jobs"], form.initial["allowed_queues"]) == (5, ["default"])
    console.pressed("tenants_tenant_quotas", tenant, max_unfinished="7", allowed_job_types="http\ndummy\n")
    assert _stored(tenant, "max_jobs", "max_unfinished", "allowed_queues", "allowed_job_types") == (
        None, 7, [], ["http", "dummy"],
    )  # fmt: skip
    assert "http, dummy" in console.page(PAGE, tenant)
    answer = console.press("tenants_tenant_quotas", tenant, allowed_queues="a b")
    assert "allowed_queues" in answer.context["form"].errors


def test_defaults_are_shown_and_changed(console):
    tenant = rows.tenant()
    wanted = {"timezone": "Europe/Berlin", "timeout_seconds": "12.5", "retry": '{"max_attempts": 4}'}
    console.pressed("tenants_tenant_defaults", tenant, **wanted)
    assert _stored(tenant, "default_timezone", "default_timeout_seconds", "default_retry") == (
        "Europe/Berlin", 12.5, {"max_attempts": 4},
    )  # fmt: skip
    for field, value in {"timezone": "Berlin", "retry": '{"max_attempts": 0}'}.items():
        answer = console.press("tenants_tenant_defaults", tenant, **{field: value})
        assert field in answer.context["form"].errors


def test_usage_is_drawn_and_told_and_an_unused_tenant_says_so(console):
    tenant = rows.tenant()
    page = console.page(PAGE, tenant)
    assert "Nothing of it has ended" in page
    assert "<svg class=" not in page
    _used(tenant, 0, succeeded=90, failed=10, run_seconds=3600, log_bytes=2048)
    _used(tenant, 29, skipped=50)
    _used(tenant, 30, succeeded=12345)
    page = console.page(PAGE, tenant)
    assert page.count("<rect") == 3
    assert 'height="72.0"' in page, "nine tenths of the picture"
    assert "12,345" not in page
    assert "1 h" in support.text_of(page)


def test_a_suspended_tenant_says_why(console):
    tenant = rows.tenant()
    console.pressed("tenants_tenant_suspend", tenant, reason="unpaid <b>")
    assert "unpaid &lt;b&gt;" in console.page(PAGE, tenant)
    console.pressed("tenants_tenant_activate", tenant)
    assert "unpaid" not in console.page(PAGE, tenant)


def test_a_member_is_changed_and_removed(console):
    member = invitees.member(rows.tenant())
    console.pressed("tenants_membership_change_role", member, role="editor", own_jobs_only="on")
    assert rows.fetch("SELECT role, own_jobs_only FROM membership WHERE id = %s", member) == [("editor", True)]
    console.pressed("tenants_membership_remove", member)
    assert rows.fetch("SELECT 1 FROM membership WHERE id = %s", member) == []


def test_somebody_is_invited_again_and_revoked(console):
    tenant, email = rows.tenant(), f"{uuid4().hex}@example.com"
    add = support.url("tenants_invitation_add")
    answer = console.client.post(add, {"tenant": tenant, "email": email, "role": "viewer"})
    assert "/invitations/inv_" in answer.content.decode(), support.problems(answer)
    ((invitation,),) = rows.fetch("SELECT id FROM invitation WHERE email = %s", email)
    assert "less than a minute" in support.problems(console.press("tenants_invitation_resend", invitation))[0]
    rows.change("UPDATE invitation SET sent_at = now() - interval '1 hour' WHERE id = %s", invitation)
    where = console.pressed("tenants_invitation_resend", invitation)
    assert "Hand this link over" in console.client.get(where).content.decode()
    console.pressed("tenants_invitation_revoke", invitation)
    assert "revoked" in console.page("tenants_invitation_change", invitation)


def test_who_has_logged_in_joins_without_a_password(owner):
    person = Console(support.person(superuser=False))
    asked = owner.api.post("/api/v1/invitations", {"email": person.user.email, "role": "runner"}).json()
    path = asked["link"].partition("testserver")[2]
    assert 'name="password"' not in person.client.get(path).content.decode()
    assert 'name="password"' in Console().client.get(path).content.decode(), "somebody else's session is none of its"
    assert "You are a member" in person.client.post(path).content.decode()
    assert person.client.post(path).status_code == 404


def test_the_page_of_an_invitation_wants_its_csrf_token(owner):
    careful = Console(support.person(superuser=False), csrf=True)
    asked = owner.api.post("/api/v1/invitations", {"email": careful.user.email, "role": "runner"}).json()
    assert careful.client.post(asked["link"].partition("testserver")[2]).status_code == 403


def test_a_job_made_at_the_console_has_the_tenants_defaults_where_its_form_is_empty(console):
    tenant = rows.tenant()
    console.pressed(
        "tenants_tenant_defaults", tenant, timezone="Asia/Tokyo", timeout_seconds="9", retry='{"max_attempts": 4}'
    )
    form = {"tenant": tenant, "name": "a", "type": "dummy", "payload": "{}", "queue": "default", "priority": 5,
            "overlap": "skip", "expression": "0 3 * * *"}  # fmt: skip
    answer = console.client.post(support.url("jobs_job_add"), form)
    assert answer.status_code == 302, support.problems(answer)
    stored = "SELECT j.timeout_seconds, j.retry, s.timezone FROM job j JOIN schedule s ON s.job_id = j.id WHERE j.tenant_id = %s"
    assert rows.fetch(stored, tenant) == [(9, {"max_attempts": 4}, "Asia/Tokyo")]
