"""Members of a tenant and those who are asked to join."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from tenants.fields import new_id
from tenants.models import User
from tests.support import actors, rows


def person(*, password: str | None = None, **fields: Any) -> User:
    """Somebody with an address of their own."""
    with actors.platform():
        return User.objects.create_user(f"{secrets.token_hex(6)}@example.com", password, **fields)


def member(tenant: UUID, role: str = "viewer", *, of: User | None = None, **columns: Any) -> UUID:
    """A membership; returns its id."""
    return rows.membership(tenant, (of or person()).pk, role, **columns)


def invitation(tenant: UUID, **columns: Any) -> UUID:
    """An open invitation whose link nobody knows; returns its id."""
    identifier, now = new_id(), rows.now()
    values = {
        "id": identifier, "tenant_id": tenant, "email": f"{secrets.token_hex(6)}@example.com", "role": "viewer",
        "own_jobs_only": False, "digest": secrets.token_bytes(32), "sent_at": now, "expires_at": now + timedelta(days=7),
        "failures": 0, "created_at": now, "created_by": "",
    }  # fmt: skip
    rows.insert("invitation", **(values | columns))
    return identifier
