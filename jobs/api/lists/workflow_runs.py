"""Workflow runs: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet

from jobs.api import lookups
from jobs.models import WorkflowRun
from jobs.rules.workflow_runs import RunState
from tenants.api import fields, ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, between, ends, one_of
from tenants.api.sparse import Names
from tenants.api.walks import Order, Way
from tenants.api.ways import Index
from tenants.models import Tenant
from tenants.rules import ids

ORDERS = {"created_at": Order("created_at", ("id",))}
NEWEST = "-created_at"
INDEXES = (Index(("root_job_id",)), Index(("state",)))
FILTERS = (
    ordered(ORDERS, NEWEST),
    one_of("state", "state", [state.value for state in RunState], "Any of these states."),
    lookups.JOB,
    *between("created_at", "Made"),
)
#: A run's id begins with its root's instant; a slot is planned a little before.
_APART = timedelta(hours=1)


def ways_to(
    tenant: Tenant,
    query: Mapping[str, Any],
    declared: Sequence[Parameter],
    order: Order,  # noqa: ARG001 - there is one alone
    **within: Any,
) -> list[Way]:
    """How the runs that a query asks for are found."""
    found = ways.wanted(query, declared, within)
    if "job" in query:
        found.any_of("root_job_id", lookups.job_ids(tenant, query["job"]))
    since, until = ends(query, "created_at")
    if since:
        found.bounds &= Q(id__gte=ids.floor_id(max(since - _APART, fields.EARLIEST)))
        found.rest &= Q(created_at__gte=since)
    if until:
        found.bounds &= Q(id__lt=ids.floor_id(until + _APART))
        found.rest &= Q(created_at__lte=until)
    return found.ways(INDEXES)


def _trimmed(rows: QuerySet[WorkflowRun], names: Names | None) -> QuerySet[WorkflowRun]:  # noqa: ARG001 - as others
    return rows.select_related("root_job").defer("graph", "root_job__payload", "root_job__retry")


LISTING = Listing(ORDERS, NEWEST, ways_to, trim=_trimmed)
