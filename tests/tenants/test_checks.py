"""A process refuses to start with a log-in that would see through the walls."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import checks as django_checks
from django.core.checks import Tags

from tenants import checks
from tests.support import logins


def found():
    return [message.id for message in checks.role_is_held_by_row_level_security(["default"])]


def test_apps_log_in_is_held():
    assert found() == []


@pytest.mark.usefixtures("as_engine")
def test_engines_log_in_is_held():
    assert found() == []


@pytest.mark.parametrize("login", ["super", "owner"])
def test_log_in_that_owns_tables_or_passes_by_the_walls_is_refused(login):
    with logins.role(login):
        settings.DATABASE_ROLE = "app"  # so it says
        assert found() == ["tenants.E001"]
        settings.DATABASE_ROLE = "owner"
        assert found() == []


def test_nothing_is_asked_of_a_database_that_is_not_checked():
    assert checks.role_is_held_by_row_level_security(None) == []


def test_check_runs_where_databases_are_checked():
    assert checks.role_is_held_by_row_level_security in django_checks.registry.registry.registered_checks
    assert Tags.database in checks.role_is_held_by_row_level_security.tags
