"""Where people stand: what they act as, in which tenant. Asked at each request, so a change counts at the next one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tenants import actors, context, errors, requests
from tenants.models import LoginSession, Membership, Tenant, TenantState, User
from tenants.requests import Actor

NO_SUCH = "there is no such tenant here"


def memberships(person: User) -> list[Membership]:
    """All of somebody's, by their tenants' names."""
    with context.within(context.PLATFORM):
        return list(Membership.objects.filter(user=person).select_related("tenant", "user").order_by("tenant__slug"))


def named(slug: str) -> Tenant:
    """The tenant that somebody of the platform names."""
    with context.within(context.PLATFORM):
        tenant = Tenant.objects.filter(slug=slug).first() if "\0" not in slug else None
    if tenant is None:
        raise errors.NotFound(NO_SUCH)
    return tenant


def on_arrival(person: User, slug: str | None) -> Actor:
    """What somebody who has just logged in acts as: in the tenant they name, or in the only one they have."""
    theirs = memberships(person)
    if slug is None:
        if at_large := actors.platform(person):
            return at_large
        if len(theirs) > 1:
            slugs = ", ".join(each.tenant.slug for each in theirs)
            raise errors.Invalid.about("tenant", f"name one of {slugs}")
        if not theirs:
            raise actors.MissingPermission("you belong to no tenant: ask an administrator to add you to one")
        return _in(person, theirs[0])
    if found := next((each for each in theirs if each.tenant.slug == slug), None):
        return _in(person, found)
    at_large = actors.platform(person)
    if at_large is None:
        raise errors.NotFound(NO_SUCH)
    return replace(at_large, tenant=named(slug))


def by_session(session: LoginSession, slug: str | None) -> Actor:
    """What the person of a log-in acts as now, looking at the tenant they name or at that of the log-in."""
    return replace(_now(session, slug), session=session.pk)


def _now(session: LoginSession, slug: str | None) -> Actor:
    person, membership = session.person, _home(session)
    at_large = actors.platform(person)
    if membership is not None and slug in (None, membership.tenant.slug):
        return _in(person, membership)
    if at_large is None:
        raise NoLonger if membership is None else errors.NotFound(NO_SUCH)
    if slug is not None:
        return replace(at_large, tenant=named(slug))
    return replace(at_large, tenant=_of_id(session.home_id))


class NoLonger(errors.Unauthenticated):
    """You belong to that tenant no longer: log in again."""


def _home(session: LoginSession) -> Membership | None:
    if session.home_id is None:
        return None
    context.enter(context.Scope(tenant_id=session.home_id))
    rows = Membership.objects.select_related("tenant", "user")
    return rows.filter(user=session.person_id, tenant=session.home_id).first()


def _of_id(tenant_id: UUID | None) -> Tenant | None:
    return Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None


def _in(person: User, membership: Membership) -> Actor:
    if person.is_superuser:
        return replace(actors.platform(person) or requests.ANONYMOUS, tenant=membership.tenant)
    if membership.tenant.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(membership.tenant.suspension_reason)
    return actors.member(membership)
