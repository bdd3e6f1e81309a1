"""A job's revisions at the console: what they were, two of them beside each other, and going back to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold import widgets

from jobs.admin.wording import WITHHELD
from jobs.models import Job, JobRevision
from jobs.rules import differences
from jobs.rules.differences import Difference
from jobs.services import revisions as service
from tenants import actors, marks, names
from tenants.admin.dialogs import Dialog, dialog
from tenants.errors import ServiceError

#: On the job's own page; any two of all can be compared.
_LISTED = 20
_MAY_SEE = "payloads:read"
#: So many characters before two texts differ are shown.
_LED_BY = 60


class Rollback(Dialog):
    """Which one to go back to."""

    from_link = ("revision",)

    revision = forms.IntegerField(min_value=1, widget=widgets.UnfoldAdminIntegerFieldWidget)

    def __init__(self, row: Job, data: Any = None) -> None:
        super().__init__(row, data)
        self.initial["revision"] = row.revision - 1
        self.fields["revision"].help_text = f"1 to {row.revision}; {row.revision} is in force."


class WithRevisions:
    """For the :class:`tenants.admin.pages.ConsoleAdmin` of jobs."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revisions_view)
        own = path("<path:object_id>/revisions/", view, name="jobs_job_revisions")
        return [own, *super().get_urls()]  # type: ignore[misc]

    def revisions_view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Two revisions beside each other; the newest two if none are named."""
        self.require_look()
        job = self.row(request, object_id)
        if job is None:
            return self.gone(request, object_id)  # type: ignore[no-any-return]
        crumbs = [(self.title, self.list_url()), (job.name, self.row_url(job.pk)), ("Revisions", "")]
        context = {**self.admin_site.each_context(request), "title": "Compare revisions", "crumbs": crumbs, "job": job}
        return render(request, "console/revisions.html", {**context, **_compared(job, request.GET.dict())})

    @dialog(
        "Roll back",
        title="Make it what it was at a revision?",
        description="What a run reads (type, payload, time limit, retry policy) is as it was then, in a new revision. "
        "Name, schedules, limits and all else stay.",
        icon="undo",
        form=Rollback,
        asks_why=True,
    )
    def rollback(self: Any, request: HttpRequest, form: Rollback) -> HttpResponse:
        number = form.cleaned_data["revision"]
        job = service.rollback(job=form.row, number=number)
        changed = job.revision != form.row.revision
        made = (
            f"Revision {job.revision} is what {number} was." if changed else f"Nothing to do: it is what {number} was."
        )
        return self.done(request, made, self.row_url(job.pk))  # type: ignore[no-any-return]


def listed(job: Job) -> dict[str, Any]:
    """For the page of a job: its newest revisions."""
    may_see = actors.may(_MAY_SEE)
    found = names.with_keys(JobRevision.objects.filter(job=job), "created_by").order_by("-number")[:_LISTED]
    return {
        "revisions": [
            {
                "row": row,
                "by": names.of_row(row, "created_by") if row.created_by else "system",
                "spec": row.spec if may_see else {**row.spec, "payload": WITHHELD},
            }
            for row in found
        ],
        "older_revisions": job.revision > _LISTED,
        "former": job.revision - 1,
    }


def _compared(job: Job, asked: dict[str, str]) -> dict[str, Any]:
    one, other = asked.get("one", str(max(job.revision - 1, 1))), asked.get("other", str(job.revision))
    told = {"one": one[:9], "other": other[:9]}
    try:
        old, new = (service.find(job, _number(each)) for each in (one, other))
    except (ServiceError, ValueError) as error:
        return {**told, "problem": str(error)}
    found, may_see = service.difference(old, new), actors.may(_MAY_SEE)
    return {
        **told,
        "differences": [_short(each) for each in (found if may_see else differences.without(found, "payload"))],
        "withheld": not may_see,
        "facts": [_fact(job, old), _fact(job, new)],
    }


def _short(found: Difference) -> Difference:
    """Of two long texts, what leads to where they differ."""
    if not (isinstance(found.before, str) and isinstance(found.after, str)):
        return found
    pairs = enumerate(zip(found.before, found.after, strict=False))
    cut = (
        next((place for place, (one, other) in pairs if one != other), min(len(found.before), len(found.after)))
        - _LED_BY
    )
    if cut <= _LED_BY:
        return found
    return replace(found, before=f"…{found.before[cut:]}", after=f"…{found.after[cut:]}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise ValueError("name two revisions by their numbers")
    return int(text)


def _fact(job: Job, row: JobRevision) -> tuple[str, Any]:
    by = f"{marks.instant_text(row.created_at)}, by {names.called(row.created_by) if row.created_by else 'system'}"
    if row.number == job.revision:
        return f"Revision {row.number}", f"{by}, in force"
    back = reverse("admin:jobs_job_rollback", args=[job.pk])
    link = marks.link(f"{back}?revision={row.number}", "roll back to it")
    may = actors.may("jobs:write", owner=job.owner) and job.state != "deleted"
    return f"Revision {row.number}", marks.joined((by, link), ", ") if may else by
