"""What somebody may do now who asked for something earlier."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenants import authors
from tests.support import actors, console, rows


@pytest.fixture
def person(owner):
    return console.member(owner.tenant.id, "runner")


def of(name, tenant):
    with actors.platform():
        return authors.of(name, tenant, rows.now())


def test_a_key_may_what_its_scopes_say_now(owner):
    name = "key:" + owner.key.split("_")[1]
    assert of(name, owner.tenant).may("admin")
    rows.change("UPDATE api_key SET scopes = ARRAY['jobs:read', 'platform'] WHERE key_id = %s", name[4:])
    assert of(name, owner.tenant).listed() == ["jobs:read"]


@pytest.mark.parametrize("spoil", ["revoked_at", "expires_at"])
def test_a_key_that_is_over_is_nobody(owner, spoil):
    name = "key:" + owner.key.split("_")[1]
    rows.change(f"UPDATE api_key SET {spoil} = %s WHERE key_id = %s", rows.now() - timedelta(seconds=1), name[4:])
    assert of(name, owner.tenant) is None


def test_a_key_of_the_platform_acts_in_every_tenant_and_a_tenants_in_its_own(owner, outsider):
    operator = actors.operator(["executions:run", "platform"])
    assert of("key:" + operator.key.split("_")[1], owner.tenant).may("executions:run")
    assert of("key:" + outsider.key.split("_")[1], owner.tenant) is None


def test_a_member_may_what_their_role_says_now(owner, person):
    name = f"user:{person.email}"
    assert of(name, owner.tenant).may("executions:run")
    rows.change("UPDATE membership SET role = 'viewer' WHERE user_id = %s", person.pk)
    assert not of(name, owner.tenant).may("executions:run")
    rows.change("DELETE FROM membership WHERE user_id = %s", person.pk)
    assert of(name, owner.tenant) is None


def test_an_editor_of_own_jobs_stays_one(owner):
    editor = console.member(owner.tenant.id, "editor", own_jobs_only=True)
    assert of(f"user:{editor.email}", owner.tenant).own_jobs_of == editor.email


def test_a_closed_account_is_nobody_and_an_administrator_of_the_platform_is_everywhere(owner, person):
    assert of(f"user:{console.person().email}", owner.tenant).may("platform")
    rows.change("UPDATE person SET is_active = false WHERE id = %s", person.pk)
    assert of(f"user:{person.email}", owner.tenant) is None


@pytest.mark.parametrize(
    "name", ["", "user:", "key:", "anonymous", "key:' OR 1=1", "user:nobody@example.com", "System"]
)
def test_a_name_that_is_nobodys_is_nobody(owner, name):
    assert of(name, owner.tenant) is None


def test_the_installation_itself_is_known(owner):
    assert of("system", owner.tenant).may("platform")
