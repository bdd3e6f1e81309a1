"""Jobs: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Collate

from jobs import selectors
from jobs.api.lists import expanding
from jobs.models import Job, JobState, JobTag
from jobs.rules import prefixes
from tenants.api import expansions, walks, ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, between, ends, flag, one_of, text, texts
from tenants.api.sparse import Names
from tenants.api.walks import Order, Way
from tenants.api.ways import MOST_WAYS, Index, Wanted
from tenants.models import Tenant

#: By code points, whatever the database's own order: only then are names that begin alike a range.
PLAIN_NAME = "plain_name"
BY_ID = ("id",)
ORDERS = {
    "created_at": Order("created_at", BY_ID),
    "updated_at": Order("updated_at", ("updated_at", "id")),
    "name": Order("name", (PLAIN_NAME, "id")),
}
NEWEST = "-created_at"
STATES = [state for state in JobState.values if state != JobState.DELETED]
INDEXES = (
    Index(("id",)),
    Index(("name",)),
    Index(("owner",)),
    Index(("category",)),
    Index(("state",), among=[state for state in STATES if state != JobState.ACTIVE]),
    Index(("queue_id",)),
    Index(("type",)),
    Index(("state",)),
)
FILTERS = (
    ordered(ORDERS, NEWEST),
    expansions.parameter(expanding.OF_JOBS),
    one_of("state", "state", STATES, "Any of these states."),
    texts("name", "name", "Exactly this name."),
    text("name[prefix]", "", "The name begins like this."),
    texts("type", "type", "Of this type."),
    texts("queue", "queue_id", "In this queue."),
    texts("category", "category", "Of this category."),
    texts("tag", "", "With this tag."),
    texts("owner", "owner", "Of this owner."),
    flag("never_succeeded", "Of its newest 1,000 executions that are kept none succeeded."),
    *between("created_at", "Created"),
    *between("updated_at", "Changed"),
)
#: The limit lets it end at the first success, and keeps a job that fails each second from being read to its beginning.
_SUCCEEDED = """EXISTS (SELECT FROM (
    SELECT e.state FROM execution e WHERE e.tenant_id = job.tenant_id AND e.job_id = job.id ORDER BY e.id DESC LIMIT 1000
) newest WHERE newest.state = 'succeeded')"""
#: Jobs that a page looks at where each of them is looked into.
_FEW_JOBS = 500


def rows(found: QuerySet[Any]) -> QuerySet[Any]:
    """Jobs with what they may be ordered by."""
    named: QuerySet[Any] = found.annotate(**{PLAIN_NAME: Collate("name", "C")})
    return named


def beginning(tenant: Tenant, prefix: str) -> QuerySet[Job, UUID]:
    """Ids of the jobs whose name begins so."""
    named = rows(Job.objects.exclude(state=JobState.DELETED).filter(tenant=tenant))
    return named.filter(_begins(prefix)).order_by(PLAIN_NAME, "id").values_list("pk", flat=True)


def ways_to(
    tenant: Tenant, query: Mapping[str, Any], declared: Sequence[Parameter], order: Order, **within: Any
) -> list[Way]:
    """How the jobs that a query asks for are found."""
    found = ways.wanted(query, declared, within)
    by_id = order.columns == BY_ID
    if "tag" in query:
        tagged = JobTag.objects.filter(tenant=tenant, tag__in=query["tag"]).values_list("job_id", flat=True)
        _narrow(found, tagged.distinct())
    if "name[prefix]" in query:
        _by_prefix(tenant, query["name[prefix]"], found, order)
    if query.get("never_succeeded"):
        found.rest &= ~Q(RawSQL(_SUCCEEDED, (), output_field=BooleanField()))  # noqa: S611 - a text of our own
    _in_time(query, found, order)
    return found.ways(INDEXES if by_id else ())


def most_looked_at(query: Mapping[str, Any]) -> int:
    """Jobs that a page looks at: fewer where each is looked into."""
    return _FEW_JOBS if query.get("never_succeeded") else walks.MOST


def _narrow(found: Wanted, chosen: QuerySet[Any, UUID]) -> None:
    few = list(chosen[: MOST_WAYS + 1])
    if len(few) <= MOST_WAYS:
        found.any_of("id", few)
    else:
        found.rest &= Q(id__in=chosen)


def _begins(prefix: str) -> Q:
    end = prefixes.after_all(prefix)
    return Q(**{f"{PLAIN_NAME}__gte": prefix}) & (Q(**{f"{PLAIN_NAME}__lt": end}) if end else Q())


def _by_prefix(tenant: Tenant, prefix: str, found: Wanted, order: Order) -> None:
    if order.columns[0] == PLAIN_NAME:
        found.bounds &= _begins(prefix)
    else:
        _narrow(found, beginning(tenant, prefix))


def _in_time(query: Mapping[str, Any], found: Wanted, order: Order) -> None:
    for name in ("created_at", "updated_at"):
        since, until = ends(query, name)
        bounds = {f"{name}__gte": since, f"{name}__lte": until}
        chosen = Q(**{lookup: bound for lookup, bound in bounds.items() if bound is not None})
        if name == order.columns[0]:
            found.bounds &= chosen
        else:
            found.rest &= chosen


def _trimmed(found: QuerySet[Job], names: Names | None) -> QuerySet[Job]:
    if names is None:
        return found
    found = found.defer(*(column for column in ("payload", "retry", "description") if column not in names))
    kept = {"tags": selectors.TAGS, "schedules": selectors.OWN_SCHEDULES, "depends_on": selectors.UPSTREAMS}
    return found.prefetch_related(None).prefetch_related(*(kept[name] for name in kept if name in names))


LISTING = Listing(ORDERS, NEWEST, ways_to, most_looked_at, _trimmed, expanding.OF_JOBS)
