"""Roles and scopes are one vocabulary, and each role holds all of the one below it."""

from __future__ import annotations

import itertools

import pytest

from tenants.models import Role
from tenants.rules import permissions

EVERYTHING = (*permissions.OF_TENANTS, permissions.PLATFORM)


def able(granted):
    return {word for word in EVERYTHING if permissions.allows(granted, word)}


def test_every_role_a_member_can_have_says_what_it_may():
    assert list(permissions.OF_ROLES) == Role.values


def test_each_role_may_do_all_that_the_one_below_it_may():
    abilities = [able(granted) for granted in permissions.OF_ROLES.values()]
    assert all(lower < higher for lower, higher in itertools.pairwise(abilities))


def test_an_administrator_of_a_tenant_may_do_all_but_what_is_the_platforms():
    assert able({"admin"}) == set(permissions.OF_TENANTS)
    assert able(permissions.SUPERADMIN) == set(EVERYTHING)


def test_the_platforms_word_includes_no_other():
    assert able({"platform"}) == {"platform"}


def test_an_auditor_changes_nothing_and_sees_no_data():
    assert able(permissions.AUDITOR) == {"jobs:read", "executions:read", "audit:read"}


@pytest.mark.parametrize(
    ("needed", "least"),
    [("jobs:read", "viewer"), ("logs:read", "viewer"), ("payloads:read", "runner"), ("executions:run", "runner"),
     ("jobs:write", "editor"), ("secrets:write", "editor"), ("audit:read", "admin"), ("admin", "admin")],
)  # fmt: skip
def test_the_least_role_that_may_do_it_is_the_first_named(needed, least):
    assert permissions.roles_with(needed)[0] == least


def test_no_role_of_a_tenant_comes_with_what_is_the_platforms():
    assert permissions.roles_with("platform") == []
