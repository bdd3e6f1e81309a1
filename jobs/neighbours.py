"""Asks the database who used a queue in a time: bounded, however much is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs import sql
from jobs.models import Execution
from jobs.rules import neighbours
from jobs.rules.neighbours import Neighbours, Use
from jobs.rules.states import State
from tenants import actors, context
from tenants.models import Tenant
from tenants.rules import ids

#: Executions made before a time, that may have run in it, are looked at so far back, and so many of them at most.
LOOK_BACK, MOST = timedelta(days=1), 5_000
#: Who started sooner waited for nobody.
SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=1)


def of_execution(execution: Execution, now: datetime) -> Neighbours | None:
    """Who used its queue while it waited for its start, or still does; None if it has not waited."""
    started = execution.started_at
    until = started if started is not None else now if execution.state in (State.PENDING, State.QUEUED) else None
    if until is None or until - execution.not_before < SHORTEST:
        return None
    own = execution.job.tenant.slug
    asked = None if actors.current().of_platform else own
    queue = str(execution.queue_id)
    seconds, capped = used(queue, max(execution.not_before, until - LONGEST), until)
    return neighbours.told(
        queue=queue,
        waited=until - execution.not_before,
        started=started is not None,
        found=neighbours.shares(seconds, own=asked),
        tenant=own,
        capped=capped,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """Who used a queue in a time, the largest first; ``capped``: older executions were not looked at."""

    queue: str
    since: datetime
    until: datetime
    shares: tuple[Use, ...]
    capped: bool


def of_queue(queue: str, *, lately: timedelta, now: datetime) -> Usage:
    """By name for the platform's people; a tenant's see themselves and, as one, all others."""
    actor = actors.current()
    own = None if actor.of_platform else actor.tenant.slug if actor.tenant else ""
    seconds, capped = used(queue, now - lately, now)
    return Usage(queue, now - lately, now, neighbours.uses(seconds, own=own), capped)


def used(queue: str, since: datetime, until: datetime) -> tuple[dict[str, float], bool]:
    """Seconds that executions of each tenant ran there, and whether there was more to look at. For the platform's eyes."""
    low, high = ids.floor_id(since - LOOK_BACK), ids.floor_id(until + timedelta(milliseconds=1))
    with context.within(context.PLATFORM):
        found = sql.run("queue_shares", queue=queue, since=since, until=until, low=low, high=high, most=MOST)
        names = dict(Tenant.objects.filter(pk__in=[row.tenant_id for row in found]).values_list("pk", "slug"))
    return {names[row.tenant_id]: row.seconds for row in found if row.tenant_id in names}, any(r.capped for r in found)
