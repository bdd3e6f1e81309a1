"""``q``: an execution is found by its id or how that begins, by how its job's name begins, or by words of its error."""

from __future__ import annotations

from django.db.models import Q

from jobs.api.lists import jobs
from jobs.rules import prefixes, states
from tenants.api.parameters import Parameter
from tenants.api.walks import Way
from tenants.api.ways import MOST_WAYS, Wanted
from tenants.models import Tenant

_SHORTEST, _LONGEST = 2, 200
#: What can begin an id and is so long is looked for among ids alone: an old one would come behind every newer error.
_SURELY_AN_ID = 8


def _read(sent: str) -> str:
    if not _SHORTEST <= len(sent.strip()) <= _LONGEST:
        raise ValueError(f"must be {_SHORTEST} to {_LONGEST} characters")
    return sent.strip()


SOUGHT = Parameter(
    "q",
    _read,
    "Whose id or job's name begins like this, or that failed with an error that holds it.",
    schema={"type": "string", "minLength": _SHORTEST, "maxLength": _LONGEST},
)


def ways(tenant: Tenant, sought: str, asked: Wanted, *, by_id: bool) -> list[Way]:
    """By its three ways, none of which meets what a former has found; those of many jobs, and other orders, row by row."""
    base = asked.ways(())
    if not base:
        return []
    where, only = base[0].where, base[0].only
    named = jobs.beginning(tenant, sought)
    failed = Q(state=states.State.FAILED.value)
    in_error = failed & Q(error_message__icontains=sought)
    span = prefixes.ids(sought)
    by_ids = Q(id__gte=span[0], id__lte=span[1]) if span else Q()
    if by_id and span and len(sought) >= _SURELY_AN_ID:
        return [Way(where & by_ids, only)]
    few = list(named[: MOST_WAYS - 1])
    if not by_id or len(few) > MOST_WAYS - 2:
        return [Way(where, only & (by_ids | Q(job_id__in=named) | in_error))]
    unseen = only & ~by_ids if span else only
    found = [Way(where & Q(job_id=job), unseen) for job in few]
    found.append(Way(where & failed, unseen & in_error & (~Q(job_id__in=few) if few else Q())))
    return [Way(where & by_ids, only), *found] if span else found
