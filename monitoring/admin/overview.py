"""The console's first page: does it keep up, what happened in the last day, what failed, and what did not run.

Every figure is one statement that reads at most :data:`CAP` rows of an index, however much is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Min, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from jobs import engines, shut
from jobs.admin import recent, wording
from jobs.models import Action, Execution, Job, JobState, MaintenanceWindow
from jobs.rules import words
from jobs.rules.codes import Absence
from jobs.rules.states import IN_FLIGHT, State
from monitoring import health, selectors
from monitoring.admin import verdict
from tenants import actors, marks
from tenants.admin import pages
from tenants.models import Tenant
from tenants.rules import permissions

CAP = 10_000
LATEST = 8
#: Of the newest that were skipped; of these the latest that somebody missed are shown.
LOOKED_AT = 1000
#: Skipped as it was meant to be: a workflow decided so, or nobody wants it any more.
_MEANT = frozenset(
    {Absence.CONDITION_FALSE, Absence.RULE_NOT_MET, Absence.NO_LONGER_NEEDED, Absence.SKIPPED_BY_HAND, Absence.REPLACED}
)
DAY = timedelta(hours=24)
_FIGURES = (
    State.SUCCEEDED,
    State.FAILED,
    State.SKIPPED,
    State.CANCELLED,
    State.RUNNING,
    State.PENDING,
    State.SCHEDULED,
)


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """What the template shows. Called by the theme."""
    given["crumbs"] = [("Overview", "")]
    if not actors.may("executions:read"):
        return given
    tenants = list(Tenant.objects.values_list("pk", flat=True))
    since = recent.floor(timezone.now(), DAY)
    # Named tenants let the index of (tenant, state, id) be used; row-level security alone does not.
    latest = Execution.objects.filter(pk__gte=since, tenant__in=tenants)
    verdict_now = verdict.verdict(_pulse(), engine_stale=engines.STALE, beat_stale=health.BEAT_STALE)
    return {
        **given,
        "verdict": verdict_now if actors.current().of_platform else verdict.for_members(verdict_now),
        "paused_by_themselves": _paused(tenants),
        "figures": [_figure(latest, state) for state in _FIGURES],
        "failures": _without_tenant(_failures(latest)),
        "absences": _without_tenant(_absences(latest)),
        "first_steps": _first_steps(request, bool(tenants))
        if actors.may("jobs:write") and not Job.objects.exists()
        else None,
    }


def _without_tenant(table: dict[str, Any]) -> dict[str, Any]:
    """Who works in one tenant needs no column that says which."""
    if actors.current().tenant is None:
        return table
    at = table["headers"].index("Tenant")
    kept = [(*row[:at], *row[at + 1 :]) for row in table["rows"]]
    return {**table, "headers": (*table["headers"][:at], *table["headers"][at + 1 :]), "rows": kept}


def _pulse() -> verdict.Pulse:
    ages = selectors.ages()
    in_flight = Execution.objects.filter(state__in=sorted(IN_FLIGHT)).order_by()[: CAP + 1].count()
    oldest = Execution.objects.filter(state=State.PENDING, waiting_on="").aggregate(at=Min("not_before"))["at"]
    return verdict.Pulse(
        oldest_ready=None if oldest is None else max(timezone.now() - oldest, timedelta()),
        in_flight=min(in_flight, CAP),
        in_flight_is_capped=in_flight > CAP,
        workers=selectors.live_workers(),
        tick=ages.get("dispatch"),
        ring=ages.get("ring"),
        shut=shut.open_now(MaintenanceWindow.objects.filter(action=Action.HOLD), timezone.now()).count(),
    )


def _figure(latest: QuerySet[Execution], state: State) -> Mapping[str, Any]:
    count = latest.filter(state=state).order_by()[: CAP + 1].count()
    return {"mark": marks.state(state), "count": f"{CAP:,}+" if count > CAP else f"{count:,}", "url": _list(state)}


def _list(state: State) -> str:
    return f"{reverse('admin:jobs_execution_changelist')}?hours=24&state__exact={state}"


def _newest(latest: QuerySet[Execution], state: State) -> QuerySet[Execution]:
    return _shown(latest.filter(state=state))


def _missed(latest: QuerySet[Execution]) -> QuerySet[Execution]:
    """What was expected and did not run. Reasons are read of so many, so that it has an end where all were meant."""
    skipped = latest.filter(state=State.SKIPPED).order_by("-pk").values_list("pk", "reason")[:LOOKED_AT]
    keys = [key for key, reason in skipped if reason not in _MEANT][:LATEST]
    return _shown(latest.filter(pk__in=keys))


def _shown(rows: QuerySet[Execution]) -> QuerySet[Execution]:
    ordered = rows.select_related("job", "tenant").order_by("-pk")
    return ordered.defer("payload", "event", "result", "job__payload", "job__retry")[:LATEST]


def _paused(tenants: list[Any]) -> dict[str, Any] | None:
    """Jobs that failed so often that they were paused; None where there are none."""
    jobs = Job.objects.filter(tenant__in=tenants, state=JobState.PAUSED, failures_at_pause__isnull=False)
    rows = list(
        jobs.select_related("tenant").only("name", "tenant", "state", "failures_at_pause", "updated_at")[:LATEST]
    )
    if not rows:
        return None
    cells = [
        (
            pages.link_to(job, marks.shortened(job.name, 32)),
            marks.shortened(job.tenant.slug, 20),
            job.paused_because,
        )
        for job in rows
    ]
    more = (f"{reverse('admin:jobs_job_changelist')}?state__exact={JobState.PAUSED}", "All paused jobs")
    table = {"title": "Paused by themselves", "headers": ("Job", "Tenant", "Why"), "rows": cells, "more": more}
    return _without_tenant({**table, "empty": ""})


def _failures(latest: QuerySet[Execution]) -> dict[str, Any]:
    cells = [
        (
            pages.link_to(row, marks.instant(wording.instant_of(row))),
            pages.link_to(row.job, marks.shortened(row.job.name, 32)),
            marks.shortened(row.tenant.slug, 20),
            marks.code(row.error_code),
            marks.shortened(row.error_message, 60),
        )
        for row in _newest(latest, State.FAILED)
    ]
    headers = ("For", "Job", "Tenant", "Error", "Message")
    more = (_list(State.FAILED), "All of the last 24 h")
    return {
        "title": "Latest failures",
        "headers": headers,
        "rows": cells,
        "empty": "Nothing failed in the last 24 hours.",
        "more": more,
    }


def _absences(latest: QuerySet[Execution]) -> dict[str, Any]:
    cells = [
        (
            pages.link_to(row, marks.instant(wording.instant_of(row))),
            pages.link_to(row.job, marks.shortened(row.job.name, 32)),
            marks.shortened(row.tenant.slug, 20),
            marks.code(row.reason)
            if not row.folded_count
            else marks.joined((marks.code(row.reason), f"{row.folded_count} slots")),
            marks.shortened(words.told(Absence(row.reason)) if row.reason in set(Absence) else row.reason, 90),
        )
        for row in _missed(latest)
    ]
    headers = ("Slot", "Job", "Tenant", "Reason", "Why, and what to do")
    more = (_list(State.SKIPPED), "All of the last 24 h")
    empty = "Whatever was expected in the last 24 hours ran, or will."
    return {"title": "Expected but did not run (24 h)", "headers": headers, "rows": cells, "empty": empty, "more": more}


def _first_steps(request: HttpRequest, has_tenant: bool) -> dict[str, Any]:
    return {
        "has_tenant": has_tenant,
        "may_make_tenant": actors.may(permissions.PLATFORM),
        "may_make_key": actors.may(permissions.ADMIN),
        "url": request.build_absolute_uri("/api/v1/jobs"),
    }
