"""Where somebody works at the console: in one tenant they belong to, or, of the platform's people, in all or in any one.

Members are in one tenant at a time; row-level security shows them nothing else. The choice is kept in the
session and judged anew at each click: a membership, a role or a right that ends does so at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from tenants import actors, context, requests, standing
from tenants.models import Membership, Tenant, TenantState, User
from tenants.requests import Actor

#: What the session calls the tenant that was chosen.
CHOSEN = "tenant"


class Trouble(StrEnum):
    """Why somebody who is logged in can do nothing just now; the value says it to them."""

    NOWHERE = "You belong to no tenant yet. Ask an administrator of a tenant, or of the platform, to add you."
    UNDECIDED = "Choose the tenant that you want to work in."
    ENDED = "You no longer belong to the tenant that you worked in."
    SUSPENDED = "This tenant is suspended: nothing of it starts, and nobody works in it. Ask the platform's operators."


@dataclass(frozen=True, slots=True)
class Place:
    """Who acts, in which tenant (none: the whole platform, or trouble), and whether there are others to go to."""

    actor: Actor
    tenant: Tenant | None = None
    trouble: Trouble | None = None
    has_others: bool = False


def enter(request: HttpRequest) -> None:
    """Find where the request's author works, and put that in force: who acts, and whose rows there are."""
    place = _find(request.user, request.session.get(CHOSEN, ""))  # type: ignore[arg-type]
    request.__dict__["console_place"] = place
    requests.known_as(place.actor)
    context.enter(_scope(place, request))


def of(request: HttpRequest) -> Place | None:
    """Where the author of a request of the console works; None if nobody is logged in."""
    place: Place | None = request.__dict__.get("console_place")
    return place


def choose(request: HttpRequest, tenant_id: str) -> bool:
    """Work in that tenant from now on, or, of the platform's people with an empty one, in all. False if it is not theirs."""
    if not (is_of_platform(request.user) if not tenant_id else _is_theirs(request.user, tenant_id)):
        return False
    request.session[CHOSEN] = tenant_id
    return True


def leave(request: HttpRequest) -> None:
    """Forget what was chosen."""
    request.session.pop(CHOSEN, None)


def choices(person: Any, *, containing: str, limit: int) -> list[Tenant]:
    """The first tenants that somebody may work in, by slug."""
    with context.within(context.PLATFORM):
        return list(_theirs(person).filter(slug__icontains=containing).order_by("slug")[:limit])


def is_of_platform(person: Any) -> bool:
    """Whether somebody may look at every tenant."""
    return bool(person.is_superuser or person.is_auditor)


def _theirs(person: Any) -> QuerySet[Tenant]:
    if is_of_platform(person):
        return Tenant.objects.all()
    return Tenant.objects.filter(pk__in=Membership.objects.filter(user=person).values("tenant"))


def _is_theirs(person: Any, tenant_id: str) -> bool:
    try:
        wanted = UUID(tenant_id)
    except ValueError:
        return False
    with context.within(context.PLATFORM):
        return _theirs(person).filter(pk=wanted).exists()


def _find(person: User, chosen: str) -> Place:
    if person.is_superuser:
        return _of_the_platform(person, chosen)
    memberships = {str(each.tenant_id): each for each in standing.memberships(person)}
    if person.is_auditor and not _works(memberships.get(chosen)):
        return _of_the_platform(person, chosen)
    if not chosen and len(memberships) == 1:
        (chosen,) = memberships
    membership = memberships.get(chosen)
    if membership is None:
        return _trouble(person, _without(chosen, memberships), has_others=bool(memberships))
    has_others = len(memberships) > 1 or person.is_auditor
    if not _works(membership):
        return _trouble(person, Trouble.SUSPENDED, tenant=membership.tenant, has_others=has_others)
    return Place(actors.member(membership), membership.tenant, has_others=has_others)


def _of_the_platform(person: User, chosen: str) -> Place:
    with context.within(context.PLATFORM):
        tenant = Tenant.objects.filter(pk=chosen).first() if chosen else None
    actor = actors.platform(person, tenant)
    assert actor is not None
    return Place(actor, tenant, has_others=True)


def _works(membership: Membership | None) -> bool:
    return membership is not None and membership.tenant.state == TenantState.ACTIVE


def _without(chosen: str, memberships: Any) -> Trouble:
    if chosen:
        return Trouble.ENDED
    return Trouble.UNDECIDED if memberships else Trouble.NOWHERE


def _trouble(person: User, trouble: Trouble, *, tenant: Tenant | None = None, has_others: bool) -> Place:
    nobody = replace(requests.ANONYMOUS, name=f"user:{person.email}")
    return Place(nobody, tenant, trouble, has_others)


def _scope(place: Place, request: HttpRequest) -> context.Scope:
    if place.trouble:
        return context.NOBODY
    if place.actor.of_platform and (place.tenant is None or _is_shared(request)):
        return context.PLATFORM
    return context.Scope(tenant_id=place.tenant.pk if place.tenant else None)


def _is_shared(request: HttpRequest) -> bool:
    """Whether the page is of the installation's own rows, which belong to no tenant."""
    match = request.resolver_match
    return bool(getattr(getattr(match and match.func, "model_admin", None), "shared", False))
