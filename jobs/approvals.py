"""Approvals as they are read: who may decide on them, whether who asks may, and how that is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from jobs.models import Approval, Execution
from jobs.rules import approvals as rules
from jobs.rules.approvals import Asked, Decider, Standing
from tenants import actors
from tenants.models import ApiKey, Membership
from tenants.requests import Actor
from tenants.rules import permissions

NEEDED = "executions:run"
#: Members and keys of a tenant that are looked at for names.
MOST = 1000


def asked(approval: Approval) -> Asked:
    """Whom it is put to."""
    return Asked(
        roles=approval.roles, members=approval.members, api_keys=approval.api_keys,
        not_by_requester=approval.not_by_requester, requested_by=approval.requested_by,
    )  # fmt: skip


def decider(actor: Actor, tenant_id: UUID) -> Decider | None:
    """Who acts, as one who may decide in that tenant; None if they may run nothing there."""
    return deciders(actor, [tenant_id]).get(tenant_id)


def deciders(actor: Actor, tenant_ids: Collection[UUID]) -> Mapping[UUID, Decider]:
    """The same in each of some tenants, looked up at once for however many approvals."""
    if not actor.may(NEEDED):
        return {}
    kind, _, name = actor.name.partition(":")
    if kind == "key":
        key = ApiKey.objects.filter(key_id=name).first()
        called = _names(key.created_by if key else "", tenant_ids)
        return {
            each: Decider(names=called[each] | {actor.name}, api_key=str(key.pk) if key else "") for each in tenant_ids
        }
    called, email = _names(actor.name, tenant_ids), name if kind == "user" else ""
    found = Membership.objects.filter(tenant__in=tenant_ids, user__email=email) if email else Membership.objects.none()
    roles = dict(found.values_list("tenant_id", "role"))
    return {each: Decider(names=called[each], email=email, role=roles.get(each, "")) for each in tenant_ids}


def _names(person: str, tenant_ids: Collection[UUID]) -> Mapping[UUID, set[str]]:
    """All that the audit trail may call them, in each tenant."""
    called = {each: {person} if person else set() for each in tenant_ids}
    if person:
        keys = ApiKey.objects.filter(tenant__in=tenant_ids, created_by=person).order_by("-id")
        for tenant_id, key_id in keys.values_list("tenant_id", "key_id")[: MOST * len(tenant_ids)]:
            called[tenant_id].add(f"key:{key_id}")
    return called


def may_decide(approval: Approval, who: Decider | None) -> bool:
    """Whether they may."""
    return who is not None and not rules.why_not(asked(approval), who)


def awaited(execution: Execution) -> tuple[str, datetime | None]:
    """Whose decision a blocked one waits for, in words, and until when; an empty text if it waits for none."""
    if not execution.epoch:
        return "", None
    found = Approval.objects.filter(execution_id=execution.pk, state=Standing.WAITING).first()
    return (Names(found.tenant_id).in_words(found), found.until) if found else ("", None)


def mine(tenant_id: UUID) -> Q:
    """What still waits, and who acts may decide on."""
    who = decider(actors.current(), tenant_id)
    if who is None:
        return Q(pk__in=[])
    named = Q(roles=[], members=[], api_keys=[])
    if who.role:
        named |= Q(roles__contains=[who.role])
    if who.email:
        named |= Q(members__contains=[who.email.lower()])
    if who.api_key:
        named |= Q(api_keys__contains=[who.api_key])
    own = Q(not_by_requester=True, requested_by__in=sorted(who.names)) & ~Q(requested_by="")
    return named & Q(state=Standing.WAITING, until__gt=timezone.now()) & ~own


class Names:
    """Who may decide, by name; members and keys of the tenant are read once, for however many approvals."""

    def __init__(self, tenant_id: UUID) -> None:
        self._tenant_id = tenant_id

    def of(self, approval: Approval) -> list[str]:
        """E-mail addresses of members and names of keys, as they are now."""
        put_to = asked(approval)
        return [name for name, who in self._deciders if not rules.why_not(put_to, who)]

    def in_words(self, approval: Approval) -> str:
        """The same for a sentence."""
        return rules.in_words(self.of(approval), asked(approval))

    @cached_property
    def _deciders(self) -> Sequence[tuple[str, Decider]]:
        return [*self._members(), *self._keys()]

    def _members(self) -> list[tuple[str, Decider]]:
        roles = permissions.roles_with(NEEDED)
        found = Membership.objects.filter(tenant=self._tenant_id, role__in=roles, user__is_active=True)
        return [
            (email, Decider(names={f"user:{email}", *self._made_by(f"user:{email}")}, email=email, role=role))
            for email, role in found.order_by("user__email").values_list("user__email", "role")[:MOST]
        ]

    def _keys(self) -> list[tuple[str, Decider]]:
        now = timezone.now()
        return [
            (f"API key {key.name}", Decider(names={f"key:{key.key_id}", key.created_by}, api_key=str(key.pk)))
            for key in self._all_keys
            if key.is_live(now) and permissions.allows(key.scopes, NEEDED)
        ]

    @cached_property
    def _all_keys(self) -> list[ApiKey]:
        return list(ApiKey.objects.filter(tenant=self._tenant_id).order_by("-id")[:MOST])

    def _made_by(self, person: str) -> list[str]:
        return [f"key:{key.key_id}" for key in self._all_keys if key.created_by == person]
