"""What a tenant has used and may have, for whoever looks. Counts are bounded: what is very much is said to be at least that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from jobs import file_room, sql
from jobs.models import UsageDay
from jobs.services import room
from tenants import quotas
from tenants.models import Tenant
from tenants.rules.quotas import ALL, ARTIFACT_BYTES, COUNTED, FILE_BYTES, Quota

#: Counted up to here where no quota is higher.
COUNTED_UP_TO = 10_000
#: Longest span in one answer.
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Standing:
    """One quota of a tenant: ``used`` is None of what is measured while it runs, or lies on other machines, ``at_least`` if there may be more."""

    quota: str
    what: str
    limit: int | None
    used: int | None
    at_least: bool


def standings(tenant: Tenant) -> list[Standing]:
    """What is allowed and what is used; the caller's scope is the tenant's or the platform's."""
    return [_standing(tenant, quota) for quota in ALL]


def _standing(tenant: Tenant, quota: Quota) -> Standing:
    limit = quotas.limit(tenant, quota)
    if quota is ARTIFACT_BYTES:
        stored = int(sql.run("count_artifact_bytes", tenant_id=tenant.pk)[0].used)
        return Standing(quota.name, quota.what, limit, stored, at_least=False)
    if quota is FILE_BYTES and (taken := file_room.of_tenant(tenant.slug)) is not None:
        return Standing(quota.name, quota.what, limit, taken.bytes, at_least=taken.at_least)
    if quota not in COUNTED:
        return Standing(quota.name, quota.what, limit, None, at_least=False)
    most = COUNTED_UP_TO if limit is None else min(limit + 1, 10 * COUNTED_UP_TO)
    used = room.count(tenant, quota, most=most)
    return Standing(quota.name, quota.what, limit, used, at_least=used == most)


def days(tenant: Tenant, *, since: date, until: date) -> list[UsageDay]:
    """Every day of the span, the first one first; days without anything are zero."""
    found = {row.day: row for row in UsageDay.objects.filter(tenant=tenant, day__range=(since, until))}
    span = (since + timedelta(days=n) for n in range((until - since).days + 1))
    return [found.get(day) or UsageDay(tenant=tenant, day=day) for day in span]


def now(tenant: Tenant) -> dict[str, int]:
    """Executions by state that have not ended, each counted up to :data:`COUNTED_UP_TO`."""
    states = ("scheduled", "blocked", "pending", "queued", "running")
    return {state: _in_state(tenant, state) for state in states}


def _in_state(tenant: Tenant, state: str) -> int:
    return int(sql.run("count_in_state", tenant_id=tenant.pk, state=state, most=COUNTED_UP_TO)[0].used)


def totals(rows: Sequence[UsageDay]) -> UsageDay:
    """Of several days."""
    names = ("succeeded", "failed", "cancelled", "skipped", "run_seconds", "log_bytes")
    return UsageDay(**{name: sum(getattr(row, name) for row in rows) for name in names})
