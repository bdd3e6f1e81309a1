"""The members of a tenant, for its own administrators.

They make others members by :mod:`tenants.services.invitations`; the platform's need none.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tenants import actors, errors
from tenants.models import Membership, Role, Tenant, User
from tenants.rules import permissions
from tenants.services import audit


class LastAdmin(errors.ServiceError):
    """This is the tenant's last administrator who can log in: make somebody else one first."""

    code = "LAST_ADMIN"


def add(*, person: User, tenant: Tenant, role: str, own_jobs_only: bool = False) -> Membership:
    """Make somebody a member without asking them, or give a member another role. For the platform."""
    actors.require(permissions.PLATFORM)
    check(role, own_jobs_only=own_jobs_only)
    given = {"role": role, "own_jobs_only": own_jobs_only}
    with transaction.atomic():
        membership, is_new = Membership.objects.get_or_create(user=person, tenant=tenant, defaults=given)
        if not is_new:
            return change(membership=membership, role=role, own_jobs_only=own_jobs_only)
        told = {"email": person.email, **given}
        _record("member.added", membership, {name: [None, value] for name, value in told.items()})
    return membership


def change(*, membership: Membership, role: str | None = None, own_jobs_only: bool | None = None) -> Membership:
    """Another role, in force from their next request on. What is not named stays."""
    with transaction.atomic():
        membership = _lock(membership)
        role = membership.role if role is None else role
        if own_jobs_only is None:
            own_jobs_only = membership.own_jobs_only and role == Role.EDITOR
        check(role, own_jobs_only=own_jobs_only)
        wanted = {"role": role, "own_jobs_only": own_jobs_only}
        if wanted["role"] != Role.ADMIN:
            _refuse_last_admin(membership)
        if changes := audit.between(membership, wanted):
            for name, value in wanted.items():
                setattr(membership, name, value)
            membership.save(update_fields=list(wanted))
            _record("member.updated", membership, changes)
    return membership


def remove(*, membership: Membership) -> None:
    """End a membership: their next request finds nothing of the tenant. API keys they made stay."""
    with transaction.atomic():
        membership = _lock(membership)
        _refuse_last_admin(membership)
        # A deleted row forgets its key, and the audit trail names it.
        Membership.objects.filter(pk=membership.pk).delete()
        _record("member.removed", membership, {"email": [membership.user.email, None], "role": [membership.role, None]})


def check(role: str, *, own_jobs_only: bool) -> None:
    """Refuse a role that is none, or above who gives it."""
    if role not in Role.values:
        message = f"must be one of {', '.join(Role.values)}"
        raise errors.Invalid.about("role", message)
    if own_jobs_only and role != Role.EDITOR:
        message = "only an editor can be held to their own jobs: take the role editor, or leave this out"
        raise errors.Invalid.about("own_jobs_only", message)
    if not permissions.covers(actors.current().granted, role):
        message = f"you cannot make somebody {role}, which may do more than you"
        raise actors.MissingPermission(message, details={"role": [message]})


def _lock(membership: Membership) -> Membership:
    actors.require(permissions.ADMIN, tenant=membership.tenant_id)
    # Of two who take each other's rights away at once, one must see what the other has done.
    Tenant.objects.select_for_update(no_key=True).get(pk=membership.tenant_id)
    found = Membership.objects.select_related("user", "tenant").filter(pk=membership.pk).first()
    if found is None:
        raise errors.NotFound("this member was removed meanwhile")
    return found


def _refuse_last_admin(membership: Membership) -> None:
    if membership.role != Role.ADMIN or actors.current().may(permissions.PLATFORM):
        return
    admins = Membership.objects.filter(tenant_id=membership.tenant_id, role=Role.ADMIN, user__is_active=True)
    if not admins.exclude(pk=membership.pk).exists():
        raise LastAdmin


def _record(action: str, membership: Membership, changes: dict[str, Any]) -> None:
    audit.record(
        action=action, object_type="member", object_id=membership.pk, tenant=membership.tenant, changes=changes
    )
