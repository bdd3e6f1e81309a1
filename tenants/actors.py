"""Who acts and what they may do: asked by every service before it changes anything, and by views before they show anything.

A service calls :func:`require` with what it is about to do; whoever it is called by, API, console or
command, the answer is the same. Outside of any request the installation itself acts, and may do all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from tenants import errors, requests
from tenants.models import Membership, Role, Tenant, User
from tenants.requests import Actor
from tenants.rules import permissions


class MissingPermission(errors.ServiceError):
    """Whoever asks may not do that: `details.required` names the scope or permission that it takes."""

    code = "MISSING_SCOPE"
    status = 403


def current() -> Actor:
    """Who acts now."""
    return requests.current().actor


def member(membership: Membership) -> Actor:
    """Somebody in a tenant they belong to."""
    person = membership.user
    own = membership.role == Role.EDITOR and membership.own_jobs_only
    return Actor(
        f"user:{person.email}",
        permissions.OF_ROLES[membership.role],
        membership.tenant,
        own_jobs_of=person.email if own else "",
    )


def platform(person: User, tenant: Tenant | None = None) -> Actor | None:
    """Somebody of the platform, looking at ``tenant`` or at all; None if they have no role there."""
    if person.is_superuser:
        return Actor(f"user:{person.email}", permissions.SUPERADMIN, tenant, of_platform=True)
    if person.is_auditor:
        return Actor(f"user:{person.email}", permissions.AUDITOR, tenant, of_platform=True)
    return None


@contextmanager
def entitled(*words: str) -> Iterator[None]:
    """What a service does for who acts, in their name, beyond what they may do by themselves."""
    before = current()
    requests.known_as(replace(before, granted=before.granted | set(words), own_jobs_of=""))
    try:
        yield
    finally:
        requests.known_as(before)


def require(needed: str, *, tenant: Tenant | UUID | None = None, owner: str | None = None) -> None:
    """Refuse unless who acts may do what asks for ``needed``: in ``tenant``, to a job of ``owner``.

    What is another tenant's is answered as if it were not there.
    """
    actor = current()
    tenant_id = tenant.pk if isinstance(tenant, Tenant) else tenant
    if tenant_id is not None and not actor.of_platform and actor.tenant is not None and actor.tenant.pk != tenant_id:
        raise errors.NotFound
    check(actor, needed)
    if owner is not None and actor.own_jobs_of and owner.lower() != actor.own_jobs_of:
        raise MissingPermission(
            f"as an editor of your own jobs you may change only those whose owner is {actor.own_jobs_of}",
            details={"required": needed, "owner": owner},
        )


def require_ruler(tenant: Tenant) -> None:
    """Refuse unless who acts administers this tenant, or the platform."""
    if not current().may(permissions.PLATFORM):
        require(permissions.ADMIN, tenant=tenant)


def may(needed: str, *, tenant: Tenant | UUID | None = None, owner: str | None = None) -> bool:
    """Whether :func:`require` would let who acts do it."""
    try:
        require(needed, tenant=tenant, owner=owner)
    except errors.ServiceError:
        return False
    return True


def check(actor: Actor, needed: str) -> None:
    """Refuse unless ``actor`` may do what asks for ``needed``."""
    if actor.may(needed):
        return
    who = "this API key lacks the scope" if actor.name.startswith("key:") else "you lack the permission"
    roles = permissions.roles_with(needed)
    hint = "" if actor.name.startswith("key:") or not roles else f": it comes with the role {roles[0]}"
    raise MissingPermission(f"{who} {needed}{hint}", details={"required": needed, "granted": actor.listed()})
