"""What services answer to who asks."""

from __future__ import annotations

import contextlib

import pytest

from tenants import actors, errors
from tenants.models import Membership, Role, Tenant, User
from tenants.rules import permissions
from tests.support import acting

TENANT = Tenant(slug="acme", name="Acme")
OTHER = Tenant(slug="other", name="Other")


def actor(**fields):
    return actors.Actor("key:abc", frozenset({"jobs:write"}), TENANT, **fields)


def test_outside_of_requests_the_installation_itself_acts():
    actors.require("platform")
    actors.require("jobs:write", tenant=TENANT, owner="ada@example.com")


def test_what_was_not_granted_is_refused_with_its_name_and_what_was():
    with acting.as_actor(actor()), pytest.raises(actors.MissingPermission) as refused:
        actors.require("executions:run", tenant=TENANT)
    assert str(refused.value) == "this API key lacks the scope executions:run"
    assert refused.value.details == {"required": "executions:run", "granted": ["jobs:write"]}


def test_a_person_is_told_the_role_that_it_comes_with():
    person = actors.Actor("user:ada@example.com", permissions.OF_ROLES["viewer"], TENANT)
    with acting.as_actor(person), pytest.raises(actors.MissingPermission) as refused:
        actors.require("jobs:write", tenant=TENANT)
    assert str(refused.value) == "you lack the permission jobs:write: it comes with the role editor"


@pytest.mark.parametrize("granted", [{"jobs:write"}, set()])
def test_what_is_another_tenants_is_not_there_whatever_was_granted(granted):
    asker = actors.Actor("key:abc", frozenset(granted), TENANT)
    with acting.as_actor(asker), pytest.raises(errors.NotFound):
        actors.require("jobs:write", tenant=OTHER.pk)


def test_who_is_of_the_platform_may_name_any_tenant():
    with acting.as_actor(actors.Actor("user:o@example.com", permissions.SUPERADMIN, TENANT, of_platform=True)):
        actors.require("jobs:write", tenant=OTHER)


def test_an_editor_of_own_jobs_changes_those_and_no_others():
    with acting.as_actor(actor(own_jobs_of="ada@example.com")):
        actors.require("jobs:write", tenant=TENANT, owner="Ada@Example.com")
        for owner in ("bob@example.com", ""):
            with pytest.raises(actors.MissingPermission):
                actors.require("jobs:write", tenant=TENANT, owner=owner)


def test_a_service_lends_words_for_a_block_in_the_name_of_who_acts():
    with acting.as_actor(actor(own_jobs_of="ada@example.com")):
        with contextlib.suppress(ZeroDivisionError), actors.entitled("executions:run"):
            actors.require("executions:run", tenant=TENANT)
            actors.require("jobs:write", tenant=TENANT, owner="")
            assert actors.current().name == "key:abc"
            with pytest.raises(errors.NotFound):
                actors.require("executions:run", tenant=OTHER)
            raise ZeroDivisionError
        with pytest.raises(actors.MissingPermission):
            actors.require("executions:run", tenant=TENANT)
        with pytest.raises(actors.MissingPermission):
            actors.require("jobs:write", tenant=TENANT, owner="")


def test_whoever_has_not_said_who_they_are_may_nothing():
    with acting.as_actor(actors.requests.ANONYMOUS):
        for word in (*permissions.OF_TENANTS, permissions.PLATFORM):
            with pytest.raises(actors.MissingPermission):
                actors.require(word)


@pytest.mark.parametrize(("role", "own", "held_to"), [
    (Role.EDITOR, True, "ada@example.com"), (Role.EDITOR, False, ""), (Role.ADMIN, True, ""),
])  # fmt: skip
def test_a_member_may_what_their_role_says(role, own, held_to):
    membership = Membership(user=User(email="ada@example.com"), tenant=TENANT, role=role, own_jobs_only=own)
    member = actors.member(membership)
    assert (member.name, member.tenant, member.of_platform) == ("user:ada@example.com", TENANT, False)
    assert member.granted == permissions.OF_ROLES[role]
    assert member.own_jobs_of == held_to


@pytest.mark.parametrize(("fields", "granted"), [
    ({"is_superuser": True, "is_auditor": True}, permissions.SUPERADMIN),
    ({"is_auditor": True}, permissions.AUDITOR),
])  # fmt: skip
def test_people_of_the_platform_may_what_their_role_says(fields, granted):
    assert actors.platform(User(email="ada@example.com", **fields)).granted == granted


def test_who_has_no_role_in_the_platform_is_nobody_there():
    assert actors.platform(User(email="ada@example.com")) is None
