"""People with passwords, and their log-ins over the API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from tenants.models import User
from tests.support import rows
from tests.support.actors import Api

PASSWORD = "correct horse battery staple"
TOKEN, REFRESH, REVOKE = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke"


@pytest.fixture
def quick_hashes(settings: Any) -> None:
    """For tests of what comes after a password is judged."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def address() -> str:
    """Of nobody else: what is counted for it is this test's alone."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


@dataclass
class Person:
    """Somebody at an address of their own."""

    user: User
    address: str = field(default_factory=address)

    @property
    def email(self) -> str:
        return self.user.email

    def log_in(self, password: str = PASSWORD, **more: Any) -> Any:
        """The answer to a log-in."""
        return self.post(TOKEN, {"email": self.email, "password": password, **more})

    def tokens(self, **more: Any) -> Any:
        """The tokens of a log-in that works."""
        answer = self.log_in(**more)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def api(self, **more: Any) -> Api:
        """Speaks as they do after a log-in."""
        return bearer(self.tokens(**more)["access"])

    def refresh(self, token: str) -> Any:
        """The answer to a refresh."""
        return self.post(REFRESH, {"refresh": token})

    def post(self, path: str, body: Any) -> Any:
        """Without saying who they are."""
        client = Client(REMOTE_ADDR=self.address, raise_request_exception=False)
        return client.post(path, body, content_type="application/json")


def bearer(token: str, names: str = "") -> Api:
    """Speaks with an access token."""
    return Api(f"Bearer {token}", names, header="Authorization")


def somebody(**fields: Any) -> Person:
    """A person of no tenant."""
    return Person(User.objects.create_user(f"{secrets.token_hex(8)}@example.com", PASSWORD, **fields))


def member(tenant: Any, role: str = "viewer", **fields: Any) -> Person:
    """A person with a role in a tenant."""
    found = somebody()
    join(found, tenant, role, **fields)
    return found


def join(person: Person, tenant: Any, role: str, **fields: Any) -> None:
    """Another membership."""
    rows.membership(tenant.id, person.user.pk, role, **fields)


def code(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
