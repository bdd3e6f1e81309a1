"""Schedules: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from jobs import triggers
from jobs.api import lookups
from jobs.api.lists import expanding
from jobs.models import Job, JobState, Schedule, ScheduleState
from jobs.models.schedule import UPCOMING
from tenants.api import expansions, ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, between, ends, one_of, texts
from tenants.api.sparse import Names
from tenants.api.walks import Order, Way
from tenants.api.ways import Index
from tenants.models import Tenant

NEXT = "next_run_at"
ORDERS = {"created_at": Order("created_at", ("id",)), NEXT: Order(NEXT, (NEXT, "id"), partial=True)}
NEWEST = "-created_at"
STATES = [state for state in ScheduleState.values if state != ScheduleState.DELETED]
INDEXES = (Index(("job_id",)), Index(("state",), among=[state for state in STATES if state != ScheduleState.ACTIVE]))
FILTERS = (
    ordered(ORDERS, NEWEST),
    expansions.parameter(expanding.OF_SCHEDULES),
    one_of("state", "state", STATES, "Any of these states."),
    one_of("kind", "kind", triggers.kinds(), "Any of these kinds."),
    lookups.JOB,
    texts("queue", "", "Of jobs in this queue."),
    *between(NEXT, "Runs next, and is not held"),
)


def ways_to(
    tenant: Tenant, query: Mapping[str, Any], declared: Sequence[Parameter], order: Order, **within: Any
) -> list[Way]:
    """How the schedules that a query asks for are found. Only what has a next run can be ordered by it."""
    found = ways.wanted(query, declared, within)
    if "job" in query:
        found.any_of("job_id", lookups.job_ids(tenant, query["job"]))
    if "queue" in query:
        found.rest &= _of_jobs(queue_id__in=query["queue"])
    since, until = ends(query, NEXT)
    bounds = {f"{NEXT}__gte": since, f"{NEXT}__lte": until}
    chosen = Q(**{lookup: bound for lookup, bound in bounds.items() if bound is not None})
    if order.columns[0] == NEXT:
        found.bounds &= UPCOMING & chosen
        found.rest &= _of_jobs(state=JobState.ACTIVE)
        return found.ways(())
    if chosen:
        found.rest &= UPCOMING & chosen & _of_jobs(state=JobState.ACTIVE)
    return found.ways(INDEXES)


def _of_jobs(**conditions: Any) -> Q:
    return Q(Exists(Job.objects.filter(pk=OuterRef("job_id"), **conditions)))


def _trimmed(rows: QuerySet[Schedule], names: Names | None) -> QuerySet[Schedule]:
    left_out = () if names is None or "payload" in names else ("payload",)
    return rows.defer("job__payload", "job__retry", "job__description", *left_out)


LISTING = Listing(ORDERS, NEWEST, ways_to, trim=_trimmed, expands=expanding.OF_SCHEDULES)
