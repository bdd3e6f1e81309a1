"""Recovery: many missed slots of a tenant, caught up with behind its live work instead of all at once.

    missed slots ─► a handful: they simply run
                 ─► more: their executions are made as well, but keep to the pace of the tenant's one open recovery

A recovery is an operation of the engine's own. It makes nothing itself: the planner adds to it, admission paces it,
and people slow it down, trim it or end it. A step of it only counts, and ends it when nothing of it is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from jobs import sql
from jobs.engine import paced
from jobs.engine.records import NewExecution
from jobs.models import Operation
from jobs.rules import background
from jobs.rules.operations import RECOVERY, USUAL
from jobs.rules.states import State
from tenants import requests
from tenants.fields import new_id
from tenants.services import audit

REASON = "slots were missed"
#: Between two counts: a second, and one more for so many executions, up to a bound.
COUNT_EVERY, COUNTED_A_SECOND, SELDOM = timedelta(seconds=1), 10_000, timedelta(seconds=15)
_COUNTED = ["matched", "done", "failed", "left_out", "next_step_at"]


def behind_live(rows: Sequence[NewExecution], caught_up: Collection[UUID]) -> list[NewExecution]:
    """The rows, with those that were missed put behind their tenant's live work where they are more than a handful."""
    many = Counter(row.tenant_id for row in rows if row.id in caught_up and row.state == State.SCHEDULED)
    wanted = {tenant: count for tenant, count in many.items() if count > background.HANDFUL}
    if not wanted:
        return list(rows)
    operations = _open(wanted)
    return [_behind(row, operations) if row.id in caught_up else row for row in rows]


def _behind(row: NewExecution, operations: Mapping[UUID, UUID]) -> NewExecution:
    if row.state != State.SCHEDULED or row.tenant_id not in operations:
        return row
    # What gathers before an execution window opens is behind already.
    priority = row.priority if background.is_behind(row.priority) else background.behind(row.priority)
    return replace(row, operation_id=operations[row.tenant_id], priority=priority)


def _open(wanted: Mapping[UUID, int]) -> dict[UUID, UUID]:
    """The open recovery of each tenant, made where there is none."""
    given = {tenant: new_id() for tenant in wanted}
    found = sql.run(
        "open_recoveries", kind=RECOVERY, reason=REASON, rate=USUAL, max_active=background.USUAL_ACTIVE,
        created_by=requests.SYSTEM.name,
        rows=[{"id": str(given[tenant]), "tenant_id": str(tenant), "matched": wanted[tenant]} for tenant in given],
    )  # fmt: skip
    made = [row.id for row in found if row.id == given[row.tenant_id]]
    for operation in Operation.objects.filter(pk__in=made).select_related("tenant"):
        _record(operation)
    return {row.tenant_id: row.id for row in found}


def _record(operation: Operation) -> None:
    with requests.continued(requests.SYSTEM, request_id="", reason=REASON):
        audit.record(
            action="operation.created", object_type="operation", object_id=operation.pk, tenant=operation.tenant,
            changes={name: [None, getattr(operation, name)] for name in ("kind", "matched", "max_active")},
            reason=REASON,
        )  # fmt: skip


def count(operation: Operation, now: datetime) -> bool:
    """Note how far its executions have come, and when to count again; whether all of them have ended.

    ``operation`` is locked, so that the planner adds nothing meanwhile.
    """
    found = paced.tally(operation)
    operation.matched, operation.done, operation.failed = found.total, found.succeeded, found.failed
    operation.left_out = dict(found.left_out)
    cost = timedelta(seconds=operation.matched / COUNTED_A_SECOND)
    operation.next_step_at = now + min(COUNT_EVERY + cost, SELDOM)
    operation.save(update_fields=_COUNTED)
    return not found.unfinished
