"""What is running and how fresh it is, over all tenants. Each function is a handful of cheap statements.

Rows behind the wall between tenants are counted in the platform's scope, inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from jobs.models import Execution, Job, JobState, Operation, Pulse, Queue, Worker
from jobs.rules.states import TERMINAL, State
from tenants import context

_LIVE_STATES = sorted(set(State) - TERMINAL)

# Ends are counted from their events: a terminal row never changes, but finding the new ones among
# millions of old ones would take an index of its own. Transactions still open below the horizon
# cannot exist, so the next count may begin there and misses none.
# A failed attempt that is tried again says so in its event, and is no end.
_FIRST = """
SELECT (SELECT count(*) FROM execution WHERE state = %(state)s), count(*), pg_snapshot_xmin(pg_current_snapshot())::text
FROM event
WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) AND kind = %(kind)s
"""
_NEXT = """
SELECT count(*) FILTER (WHERE xid < pg_snapshot_xmin(pg_current_snapshot())),
    count(*) FILTER (WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())), pg_snapshot_xmin(pg_current_snapshot())::text
FROM event
WHERE xid >= %(horizon)s::xid8 AND kind = %(kind)s
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How many executions ended in one way: ``settled`` up to ``horizon``, and those seen beyond it."""

    settled: int
    beyond: int
    horizon: str

    @property
    def total(self) -> int:
        """All that can be seen now."""
        return self.settled + self.beyond


def ended(state: State, before: Ended | None) -> Ended:
    """Count on from ``before``; without it begin with the rows that are kept, which takes a scan."""
    kind = f"execution.{state}"
    with context.within(context.PLATFORM), connection.cursor() as cursor:
        if before is None:
            cursor.execute(_FIRST, {"state": state, "kind": kind})
            kept, beyond, horizon = cursor.fetchone()
            return Ended(kept - beyond, beyond, horizon)
        cursor.execute(_NEXT, {"horizon": before.horizon, "kind": kind})
        settled, beyond, horizon = cursor.fetchone()
        return Ended(before.settled + settled, beyond, horizon)


def ages() -> dict[str, timedelta]:
    """How long ago each part of the engine last did its round, by the database's clock."""
    age = ExpressionWrapper(Now() - F("at"), output_field=DurationField())
    return dict(Pulse.objects.annotate(age=age).values_list("name", "age"))


def live_workers() -> int:
    """Workers whose lease holds."""
    return Worker.objects.filter(lease_expires_at__gt=Now()).count()


def live_workers_by_queue() -> dict[str, int]:
    """Every queue with the number of its live workers that still take work."""
    working = Worker.objects.filter(lease_expires_at__gt=Now(), draining=False)
    count = Counter(queue for queues in working.values_list("queues", flat=True) for queue in queues)
    return {name: count[name] for name in Queue.objects.order_by("name").values_list("name", flat=True)}


def refused_types() -> dict[str, list[str]]:
    """Types of jobs that live workers refuse, with each reason that they give."""
    found: dict[str, set[str]] = {}
    for refuses in (
        Worker.objects.filter(lease_expires_at__gt=Now()).exclude(refuses={}).values_list("refuses", flat=True)
    ):
        for job_type, why in refuses.items():
            found.setdefault(job_type, set()).add(why)
    return {job_type: sorted(reasons) for job_type, reasons in sorted(found.items())}


def active_jobs() -> int:
    """Jobs whose slots are planned, of all tenants."""
    with context.within(context.PLATFORM):
        return Job.objects.filter(state=JobState.ACTIVE).count()


def executions_under_way() -> dict[str, int]:
    """Executions that have not ended, by state, of all tenants."""
    rows = Execution.objects.filter(state__in=_LIVE_STATES).values_list("state").annotate(Count("pk"))
    with context.within(context.PLATFORM):
        found = dict(rows)
    return {state: found.get(state, 0) for state in _LIVE_STATES}


def operations_under_way() -> tuple[dict[str, int], int]:
    """Operations that have not ended, by state, and the executions that they have yet to come to, of all tenants."""
    fields = ("state", "matched", "done", "failed", "left_out")
    with context.within(context.PLATFORM):
        rows = list(Operation.objects.filter(finished_at__isnull=True).values_list(*fields))
    backlog = sum(max(0, matched - done - failed - sum(left.values())) for _, matched, done, failed, left in rows)
    count = Counter(state for state, *_ in rows)
    return {state: count[state] for state in ("running", "paused")}, backlog
