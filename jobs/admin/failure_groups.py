"""Failures by their kind: what fails most, since when, in which jobs, and the two things to do about a group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from jobs import failure_groups
from jobs.admin import bulk, recent
from jobs.failure_groups import Group, Status
from jobs.models import Execution, Job, Operation
from jobs.services import failure_groups as service
from jobs.services import operations
from tenants import actors, marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.models import Tenant

TITLE = "Failure groups"
_ORDERS = {"": "Last seen first", "largest": "Largest first"}
_DEFAULT_HOURS = "24"
#: What is done to a group: heading, explanation, service, form.
_DECISIONS: dict[str, Any] = {
    "retry": (
        "Retry",
        "redrive",
        "Each becomes a new execution of its job's newest revision, and its dead letter is closed. One that was replayed "
        "before, by anybody, or whose dead letter is closed, is left out.",
        service.retry,
        bulk.AskedAgain,
    ),
    "resolve": (
        "Resolve",
        "discard",
        "Their dead letters are closed with your reason, and nothing runs. If one fails like that again, the group says that it came back.",
        service.resolve,
        bulk.Asked,
    ),
}


def list_view(page: Any, request: HttpRequest) -> HttpResponse:
    """The groups of a window."""
    tenant = _tenant(request)
    if tenant is None:
        return bulk.refused(
            page, request, "Choose a tenant in the header: failures are grouped for one.", page.list_url()
        )
    hours, job = _hours(request), bulk.id_in(request.GET, "job")
    found = failure_groups.find(
        tenant_id=tenant.pk, since=_since(hours), job_id=job, largest_first=request.GET.get("order") == "largest"
    )
    context = {
        **page.admin_site.each_context(request),
        "title": TITLE,
        "crumbs": [(TITLE, "")],
        "windows": [(word, _query(request, hours=value), value == hours) for value, word in recent.WINDOWS.items()],
        "orders": [
            (word, _query(request, order=value), value == request.GET.get("order", ""))
            for value, word in _ORDERS.items()
        ],
        "job": Job.objects.filter(pk=job).first() if job else None,
        "without_job": _query(request, job=""),
        "groups": _rows(found.groups, request, tenant),
        "found": found,
        "read": f"{found.read:,}",
        "may_run": actors.may("executions:run"),
    }
    return render(request, "console/failure_groups.html", context)


def decide_view(page: Any, request: HttpRequest, decision: str) -> HttpResponse:
    """Ask about one group; and start what is posted."""
    word, kind, note, carry_out, form_class = _DECISIONS[decision]
    tenant, fingerprint, hours = _tenant(request), request.GET.get("fingerprint", ""), _hours(request)
    job, back = (
        bulk.id_in(request.GET, "job"),
        reverse("admin:jobs_execution_failures") + _query(request, fingerprint=""),
    )
    since = _since(hours)
    group = _group(tenant, fingerprint, since, job)
    if tenant is None or group is None:
        why = "There is no such group of failures in this window, or no longer."
        return bulk.refused(page, request, why, back)
    about = {"tenant": tenant, "fingerprint": fingerprint, "since": since, "job_id": job}
    preview = operations.preview(tenant=tenant, kind=kind, wanted=service.group(fingerprint, since, job))
    count = bulk.counted(preview.matched, preview.is_capped)
    context = {
        "title": f"{word} {count} failure{'' if preview.matched == 1 else 's'} of {group.code}?",
        "crumbs": [(TITLE, back), (word, "")], "intro": note, "back": back, "submit": f"{word} {count}",
        "table": bulk.sample(preview),
    }  # fmt: skip

    def start(given: dict[str, Any]) -> str:
        return pages.page_of(Operation, carry_out(**about, **given).pk)

    return console_forms.page(request, form_class(request.POST or None), carry_out=start, context=context)


def _group(tenant: Tenant | None, fingerprint: str, since: datetime, job: Any) -> Group | None:
    if tenant is None or not fingerprint or "\0" in fingerprint:
        return None
    found = failure_groups.find(tenant_id=tenant.pk, since=since, job_id=job, fingerprint=fingerprint)
    return found.groups[0] if found.groups else None


def _rows(groups: Sequence[Group], request: HttpRequest, tenant: Tenant) -> list[dict[str, Any]]:
    by = names.all_called({group.resolved_by or "" for group in groups})
    return [{**_row(group, request, tenant), "resolved_by": by[group.resolved_by or ""]} for group in groups]


def _row(group: Group, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    of_group = _query(request, fingerprint=group.fingerprint, **_named(tenant))
    return {
        "group": group,
        "sample": marks.link(pages.page_of(Execution, group.sample_execution), marks.shortened(group.message or group.code, 90)),
        "jobs": marks.joined([marks.link(pages.page_of(Job, key), marks.shortened(name, 32)) for key, name in group.jobs], ", "),
        "standing": _standing(group),
        "more_jobs": max(0, group.job_count - len(group.jobs)),
        "decisions": [
            (word, reverse(f"admin:jobs_execution_failures_{name}") + of_group) for name, (word, *_) in _DECISIONS.items()
        ],
    }  # fmt: skip


def _standing(group: Group) -> Any:
    if group.status is Status.CAME_BACK:
        return marks.joined(("came back", marks.instant(group.came_back_at)), " ")
    return str(group.status)


def _named(tenant: Tenant) -> dict[str, str]:
    return {} if actors.current().tenant else {"tenant": str(tenant.pk)}


def _tenant(request: HttpRequest) -> Tenant | None:
    if (here := actors.current().tenant) is not None:
        return here
    named = bulk.id_in(request.GET, "tenant")
    if named is not None:
        return Tenant.objects.filter(pk=named).first()
    # Of the platform's people, looking at all: where there is only one tenant it is meant.
    only = list(Tenant.objects.order_by("pk")[:2])
    return only[0] if len(only) == 1 else None


def _hours(request: HttpRequest) -> str:
    sent = request.GET.get("hours", _DEFAULT_HOURS)
    return sent if sent in recent.WINDOWS else _DEFAULT_HOURS


def _since(hours: str) -> datetime:
    return timezone.now() - timedelta(hours=int(hours))


def _query(request: HttpRequest, **changed: str) -> str:
    """The address's query with some of it changed; what is empty is left out."""
    kept = {name: request.GET[name] for name in ("hours", "order", "job", "tenant") if request.GET.get(name)}
    return "?" + urlencode({name: value for name, value in {**kept, **changed}.items() if value})
