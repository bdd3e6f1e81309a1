"""Acting as somebody for the length of a block, as a request of theirs would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenants import requests
from tenants.rules import permissions


@contextmanager
def as_actor(actor: requests.Actor) -> Iterator[None]:
    """Whatever services are called, this is who asks."""
    before = requests.current().actor
    requests.known_as(actor)
    try:
        yield
    finally:
        requests.known_as(before)


def as_(of: Any, role: str, *, own_jobs_of: str = "") -> Any:
    """A person with this role in the tenant of an actor."""
    granted = {**permissions.OF_ROLES, "auditor": permissions.AUDITOR, "superadmin": permissions.SUPERADMIN}[role]
    of_platform = role in ("auditor", "superadmin")
    tenant = None if of_platform else of.tenant
    name = f"user:{own_jobs_of or f'{role}@example.com'}"
    return as_actor(requests.Actor(name, granted, tenant, of_platform=of_platform, own_jobs_of=own_jobs_of))
