"""What is wrong with the people and API keys that a payload names, when it is stored: those of the tenant alone are there.

Whoever leaves later is no reason to refuse what was stored: it then waits for the others, or its time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models.functions import Lower

from jobs.handlers import Handler
from jobs.models import Job
from tenants.models import ApiKey, Membership


def problems(
    job: Job, handler: Handler[Any], payload: Mapping[str, Any], fresh: Collection[str]
) -> dict[str, Sequence[str]]:
    """Messages by the payload's field, of those that are ``fresh``: not stored as they are."""
    named = {field: name for field, name in handler.named_people(payload).items() if field.partition(".")[0] in fresh}
    members = {field: name.strip().lower() for field, name in named.items() if "@" in name}
    keys = {field: name for field, name in named.items() if "@" not in name}
    known = _members(job.tenant_id, set(members.values())) | _keys(job.tenant_id, set(keys.values()))
    return {
        field: [f"{name} is no {what} of this tenant: correct it, or {advice}"]
        for what, advice, found in (
            ("member", "invite them first", members),
            ("API key", "make it first", keys),
        )
        for field, name in found.items()
        if name not in known
    }


def _members(tenant: UUID, emails: Collection[str]) -> set[str]:
    if not emails:
        return set()
    there = Membership.objects.filter(tenant=tenant).annotate(email=Lower("user__email"))
    return set(there.filter(email__in=emails).values_list("email", flat=True))


def _keys(tenant: UUID, ids: Collection[str]) -> set[str]:
    return (
        {str(key) for key in ApiKey.objects.filter(tenant=tenant, pk__in=ids).values_list("pk", flat=True)}
        if ids
        else set()
    )
