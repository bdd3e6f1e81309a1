"""People and memberships."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tenants import errors, requests
from tenants.services import people
from tests.support import acting, rows
from tests.support.actors import platform
from tests.support.console import person

PASSWORD = "a rather long one"


@pytest.fixture(autouse=True)
def _as_platform() -> Iterator[None]:
    with platform():
        yield


def _create(**fields: Any) -> Any:
    defaults = {"email": f"{secrets.token_hex(4)}@example.com", "name": "", "password": PASSWORD, "is_superuser": False}
    return people.create(**(defaults | fields))


def test_an_address_is_known_once_whatever_its_case() -> None:
    known = _create()
    with pytest.raises(errors.ServiceError) as refused:
        _create(email=known.email.upper())
    assert "email" in refused.value.details


def test_a_common_password_is_refused_by_name() -> None:
    with pytest.raises(errors.Invalid) as refused:
        _create(password="password1234")
    assert "password" in refused.value.details


def test_an_address_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(errors.Invalid) as refused:
        _create(email="nobody")
    assert "email" in refused.value.details


def test_nobody_locks_themselves_out() -> None:
    administrator = person()
    with (
        acting.as_actor(replace(requests.SYSTEM, name=f"user:{administrator.email}")),
        pytest.raises(errors.ServiceError, match="your own rights"),
    ):
        people.change(person=administrator, name="", is_active=False, is_superuser=True)


def test_a_change_without_a_difference_is_not_told() -> None:
    someone = _create(name="Ada")
    before = rows.fetch("SELECT count(*) FROM audit_event")
    people.change(person=someone, name="Ada", is_active=True, is_superuser=False)
    assert rows.fetch("SELECT count(*) FROM audit_event") == before
