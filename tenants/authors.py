"""What somebody may do now who asked for something earlier: for work that goes on when their request is long answered.

Known by the name that the audit trail has of them. A key that was revoked or has expired, an account that is closed,
a membership that ended: nobody any more. A role that changed counts as it is now.
"""

from __future__ import annotations

from datetime import datetime

from tenants import actors, known_keys, requests
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.requests import Actor


def of(name: str, tenant: Tenant, now: datetime) -> Actor | None:
    """Who acts under this name in ``tenant``; None if they do no longer."""
    kind, _, who = name.partition(":")
    if kind == "key":
        return _key(name, who, tenant, now)
    if kind == "user":
        return _person(who, tenant)
    return requests.SYSTEM if name == requests.SYSTEM.name else None


def _key(name: str, key_id: str, tenant: Tenant, now: datetime) -> Actor | None:
    key = ApiKey.objects.filter(key_id=key_id).first()
    if key is None or not key.is_live(now) or key.tenant_id not in (None, tenant.pk):
        return None
    return Actor(name, known_keys.granted_to(key), tenant, of_platform=key.tenant_id is None)


def _person(email: str, tenant: Tenant) -> Actor | None:
    person = User.objects.filter(email=email, is_active=True).first()
    if person is None:
        return None
    if person.is_superuser:
        return actors.platform(person, tenant)
    membership = Membership.objects.filter(tenant=tenant, user=person).select_related("user", "tenant").first()
    return actors.member(membership) if membership else None
