"""Dead letters: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.api import lookups
from jobs.api.lists import expanding
from jobs.models import DeadLetterState
from tenants.api import expansions, ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, one_of, texts
from tenants.api.walks import Order, Way
from tenants.api.ways import Index
from tenants.models import Tenant

ORDERS = {"created_at": Order("created_at", ("id",))}
NEWEST = "-created_at"
INDEXES = (
    Index(("error_fingerprint",)),
    Index(("job_id",)),
    Index(("state",), among=[DeadLetterState.OPEN]),
    Index(("error_code",)),
    Index(("state",)),
)
FILTERS = (
    ordered(ORDERS, NEWEST),
    expansions.parameter(expanding.OF_DEAD_LETTERS),
    one_of("state", "state", DeadLetterState.values, "Any of these states."),
    lookups.JOB,
    texts("error_code", "error_code", "Failed with this code."),
    texts("error_fingerprint", "error_fingerprint", "Failed with an error of this kind."),
)


def ways_to(
    tenant: Tenant,
    query: Mapping[str, Any],
    declared: Sequence[Parameter],
    order: Order,  # noqa: ARG001 - there is one alone
    **within: Any,
) -> list[Way]:
    """How the dead letters that a query asks for are found."""
    found = ways.wanted(query, declared, within)
    if "job" in query:
        found.any_of("job_id", lookups.job_ids(tenant, query["job"]))
    return found.ways(INDEXES)


LISTING = Listing(ORDERS, NEWEST, ways_to, expands=expanding.OF_DEAD_LETTERS)
