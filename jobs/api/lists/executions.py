"""Executions: what they can be asked for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from jobs import selectors
from jobs.api import lookups
from jobs.api.lists import expanding, search
from jobs.models import Execution, JobTag, TriggerKind, Worker
from jobs.models.execution import TROUBLED
from jobs.rules import codes, states
from jobs.services import executions as service
from tenants.api import expansions, fields, ways
from tenants.api.listings import Listing
from tenants.api.pagination import ordered
from tenants.api.parameters import Parameter, between, ends, one_of, row_id, texts
from tenants.api.sparse import Names
from tenants.api.walks import Order, Way
from tenants.api.ways import MOST_WAYS, Index, Wanted
from tenants.models import Tenant
from tenants.rules import ids

BY_ID = ("id",)
ORDERS = {
    "created_at": Order("created_at", BY_ID),
    "finished_at": Order("finished_at", ("finished_at", "id"), partial=True),
}
NEWEST = "-created_at"
_UNFINISHED = sorted(state.value for state in states.State if state not in states.TERMINAL)
#: By the one that leaves fewest rows.
INDEXES = (
    Index(("replay_of",)),
    Index(("operation_id",)),
    Index(("workflow_run_id",)),
    Index(("error_fingerprint",)),
    Index(("job_id", "state"), among=TROUBLED),
    Index(("error_code",)),
    Index(("reason",)),
    Index(("state",), among=_UNFINISHED),
    Index(("schedule_id",)),
    Index(("job_id",)),
    Index(("state",)),
)
#: What an execution's id may be later, or earlier, than the instants it holds: slots are planned before they are due.
_APART = timedelta(hours=1)
_MILLISECOND = timedelta(milliseconds=1)
#: Of a worker's boots, the last so many are known by its name.
_BOOTS = 50

OF_ANY_JOB = (
    ordered(ORDERS, NEWEST),
    expansions.parameter(expanding.OF_EXECUTIONS),
    one_of("state", "state", [state.value for state in states.State], "Any of these states."),
    one_of("trigger", "trigger", TriggerKind.values, "Made by any of these."),
    texts("triggered_by", "triggered_by", "Asked for by: `key:<id>` or `user:<e-mail>`."),
    row_id("replay_of", "replay_of", "Runs this execution again."),
    row_id("operation", "operation_id", "Made by the operation with this id."),
    row_id("workflow_run", "workflow_run_id", "Steps of the workflow run with this id, superseded ones as well."),
    texts("queue", "queue_id", "In this queue."),
    one_of("reason", "reason", [code.value for code in codes.Absence], "Skipped for any of these reasons."),
    texts("error_code", "error_code", "Its last error has this code."),
    texts("error_fingerprint", "error_fingerprint", "Its last error is of this kind: `error.fingerprint` of another."),
    one_of("waiting_on", "", sorted(codes.PARKS), "Parked, and waits for any of these."),
    texts("worker", "", "Claimed last by a worker of this name, or with this id."),
    *between("created_at", "Created, or due as a slot"),
    *between("scheduled_for", "For a slot (of a row that stands for many: its last), or asked for"),
    *between("finished_at", "Ended"),
)
SCHEDULE = row_id("schedule", "schedule_id", "Of the schedule with this id.")
FILTERS = (
    *OF_ANY_JOB,
    lookups.JOB,
    SCHEDULE,
    texts("tag", "", "Of jobs with this tag."),
    search.SOUGHT,
)


def wanted(
    tenant: Tenant, query: Mapping[str, Any], declared: Sequence[Parameter], order: Order, within: Mapping[str, Any]
) -> Wanted:
    """What a query asks for, but for `q`."""
    found = ways.wanted(query, declared, within)
    if "job" in query:
        found.any_of("job_id", lookups.job_ids(tenant, query["job"]))
    if "tag" in query:
        _of_tags(tenant, query["tag"], found)
    if "worker" in query:
        found.any_of("worker_id", _workers(query["worker"]))
    if "waiting_on" in query:
        found.any_of("state", [states.State.PENDING.value])
        parts = (part for code in query["waiting_on"] for part in codes.PARKS[code])
        found.rest &= reduce(or_, (Q(waiting_on__startswith=f"{part}:") for part in parts))
    _created(query, found)
    _scheduled(query, found)
    _finished(query, found, by_id=order.columns == BY_ID)
    return found


def ways_to(
    tenant: Tenant, query: Mapping[str, Any], declared: Sequence[Parameter], order: Order, **within: Any
) -> list[Way]:
    """How the executions that a query asks for are found, of those ``within``."""
    asked = wanted(tenant, query, declared, order, within)
    by_id = order.columns == BY_ID
    if "q" in query:
        return search.ways(tenant, query["q"], asked, by_id=by_id)
    return asked.ways(INDEXES if by_id else ())


def _of_tags(tenant: Tenant, tags: list[str], found: Wanted) -> None:
    rows = JobTag.objects.filter(tenant=tenant, tag__in=tags).values_list("job_id", flat=True)
    jobs = list(rows.distinct()[: MOST_WAYS + 1])
    if len(jobs) <= MOST_WAYS:
        found.any_of("job_id", jobs)
    else:
        found.rest &= Q(job_id__in=rows)


def _workers(names_or_ids: list[str]) -> list[UUID]:
    """Every boot of a worker has an id of its own."""
    given = {text: fields.id_of(text) for text in names_or_ids}
    named = Worker.objects.filter(name__in=[text for text, found in given.items() if found is None])
    boots = named.order_by("-started_at").values_list("pk", flat=True)[:_BOOTS]
    return [*(found for found in given.values() if found), *boots]


def _created(query: Mapping[str, Any], found: Wanted) -> None:
    since, until = ends(query, "created_at")
    found.bounds &= _ids(since, until and until + _MILLISECOND)


def _scheduled(query: Mapping[str, Any], found: Wanted) -> None:
    since, until = ends(query, "scheduled_for")
    # A slot's id begins with the slot; that of a request for later with the instant of the request.
    found.bounds &= _ids(since and since - service.LONGEST_AHEAD, until and until + _MILLISECOND)
    for bound, end in ((since, "gte"), (until, "lte")):
        if bound is not None:
            single = Q(folded_until=None) & Q(**{f"scheduled_for__{end}": bound})
            found.rest &= Q(**{f"folded_until__{end}": bound}) | single


def _finished(query: Mapping[str, Any], found: Wanted, *, by_id: bool) -> None:
    since, until = ends(query, "finished_at")
    found.bounds &= _ids(None, until and until + _APART)
    bounds = {"finished_at__gte": since, "finished_at__lte": until}
    chosen = Q(**{lookup: bound for lookup, bound in bounds.items() if bound is not None})
    if by_id:
        found.rest &= chosen
    else:
        found.bounds &= chosen


def _ids(since: datetime | None, until: datetime | None) -> Q:
    """Ids begin with their instant."""
    found = Q(id__gte=ids.floor_id(max(since, fields.EARLIEST))) if since else Q()
    return found & Q(id__lt=ids.floor_id(until)) if until else found


#: What a field takes beyond the row's own small columns.
_TOLD = {
    "payload": ("payload", "revision_payload"),
    "event": ("event",),
    "result": ("result",),
    "error": ("error_message",),
    "worker": ("worker_name",),
}
_LARGE = ("payload", "event", "result", "error_message")
_LARGE_OF_JOBS = ("job__payload", "job__retry", "job__description")


def _trimmed(rows: QuerySet[Execution], names: Names | None) -> QuerySet[Execution]:
    told = {column for field, columns in _TOLD.items() if names is None or field in names for column in columns}
    left_out = [column for column in _LARGE if column not in told]
    return selectors.with_told(rows.select_related("job").defer(*_LARGE_OF_JOBS, *left_out), told)


LISTING = Listing(ORDERS, NEWEST, ways_to, trim=_trimmed, expands=expanding.OF_EXECUTIONS)
