"""The three standing actors of a test: owner, teammate, outsider."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.test import Client

from tenants import context
from tenants.models import ApiKey, Tenant
from tenants.rules import api_keys, permissions

VIEWER = ["jobs:read", "executions:read", "logs:read"]


class Api:
    """Speaks JSON to the REST API with one key, naming a tenant if it must."""

    def __init__(self, key: str, names: str = "", *, header: str = "X-API-Key") -> None:
        self._client = Client(headers={header: key} if key else {}, raise_request_exception=False)
        self._names = names

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(path, {**query, **({"tenant": self._names} if self._names else {})})

    def every(self, path: str, **query: Any) -> list[Any]:
        """The rows of a list's pages, to the last."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **query, **cursor).json()
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(self._at(path), {} if body is None else body, content_type="application/json")

    def put(self, path: str, body: Any = None) -> Any:
        return self._client.put(self._at(path), {} if body is None else body, content_type="application/json")

    def patch(self, path: str, body: Any = None) -> Any:
        return self._client.patch(self._at(path), {} if body is None else body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self._client.delete(self._at(path))

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str) -> Any:
        """Any method with headers, whose names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(self._client, method)(self._at(path), body or {}, content_type=kind, headers=sent)

    def _at(self, path: str) -> str:
        return f"{path}?tenant={self._names}" if self._names else path

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Any method."""
        return getattr(self, method.lower())(path, *([] if method.lower() in {"get", "delete"} else [body]))


@dataclass(frozen=True)
class Actor:
    """A key of a tenant, and a client that uses it."""

    tenant: Tenant
    key: str
    api: Api


def owner() -> Actor:
    """Everything may be done in a tenant of its own."""
    with platform():
        slug = f"t-{secrets.token_hex(6)}"
        tenant = Tenant.objects.create(slug=slug, name=slug.upper())
    return _actor(tenant, list(permissions.OF_TENANTS))


def teammate(of: Actor) -> Actor:
    """Sees the same tenant, may change nothing."""
    return _actor(of.tenant, VIEWER)


def operator(scopes: Sequence[str] = (*VIEWER, permissions.PLATFORM)) -> Actor:
    """Changes what is the platform's; its key belongs to no tenant."""
    return _actor(None, list(scopes))


def with_scopes(of: Actor, scopes: Sequence[str]) -> Actor:
    """Another key of the same tenant, or, with `platform`, one of the platform's that names that tenant."""
    return _actor(None if permissions.PLATFORM in scopes else of.tenant, list(scopes), names=of.tenant)


def _actor(tenant: Tenant | None, scopes: list[str], *, names: Tenant | None = None) -> Actor:
    key = api_keys.generate()
    with platform():
        ApiKey.objects.create(
            tenant=tenant, name="test", key_id=key.key_id, digest=key.digest(settings.SECRET_KEY), scopes=scopes
        )
    return Actor(tenant, key.text, Api(key.text, "" if tenant else getattr(names, "slug", "")))  # type: ignore[arg-type]


class platform:  # noqa: N801 - reads as a block
    """A transaction that sees every tenant."""

    def __enter__(self) -> None:
        self._scope = context.within(context.PLATFORM)
        self._scope.__enter__()
        self._atomic = transaction.atomic()
        self._atomic.__enter__()

    def __exit__(self, *exception: Any) -> None:
        self._atomic.__exit__(*exception)
        self._scope.__exit__(*exception)
