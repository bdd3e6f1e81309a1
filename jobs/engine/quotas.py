"""How many more executions a tenant may have: drawn before they are made, in the same transaction.

    request ──► draw 1 ──► refused with QUOTA_EXCEEDED if there is no room
    operation ► draw as many as it replays ──► the rest waits
    planner ──► draw as many as slots ──► slots beyond become rows in state skipped, reason QUOTA

Only tenants that have such a quota draw: for all others nothing is asked and nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from jobs import sql
from jobs.engine.records import NewExecution
from jobs.rules.codes import Absence
from jobs.rules.states import State
from tenants import quotas
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules.quotas import UNFINISHED


def draw(tenant: Tenant, wanted: int = 1) -> None:
    """Room for so many more, all of them; refuses if there is less."""
    most = quotas.limit(tenant, UNFINISHED)
    if most is None:
        return
    drawn = sql.run("draw", tenant_id=tenant.pk, wanted=wanted, most=most)[0]
    if drawn.granted < wanted:
        raise QuotaExceeded.of(UNFINISHED, limit=most, used=drawn.unfinished, wanted=wanted)


def draw_up_to(tenant: Tenant, wanted: int) -> int:
    """Room for so many more, or for as many as there is. Returns how many."""
    most = quotas.limit(tenant, UNFINISHED)
    if most is None or not wanted:
        return wanted
    return int(sql.run("draw", tenant_id=tenant.pk, wanted=wanted, most=most)[0].granted)


def skip_beyond(rows: Sequence[NewExecution], limits: Mapping[UUID, int]) -> list[NewExecution]:
    """Slots for which their tenant has no room do not run, and say so; the first ones have it."""
    if not limits:
        return list(rows)
    room = _draw(Counter(row.tenant_id for row in rows if _counts(row, limits)), limits)
    return list(_judged(sorted(rows, key=lambda row: row.not_before), limits, room))


def _draw(wanted: Mapping[UUID, int], limits: Mapping[UUID, int]) -> dict[UUID, int]:
    # In one order, or two planners could each wait for what the other holds.
    return {
        tenant: sql.run("draw", tenant_id=tenant, wanted=wanted[tenant], most=limits[tenant])[0].granted
        for tenant in sorted(wanted)
    }


def _judged(rows: Iterable[NewExecution], limits: Mapping[UUID, int], room: dict[UUID, int]) -> Iterable[NewExecution]:
    for row in rows:
        if not _counts(row, limits):
            yield row
        elif room[row.tenant_id] > 0:
            room[row.tenant_id] -= 1
            yield row
        else:
            yield replace(row, state=State.SKIPPED, reason=Absence.QUOTA)


def _counts(row: NewExecution, limits: Mapping[UUID, int]) -> bool:
    return row.tenant_id in limits and row.state != State.SKIPPED
