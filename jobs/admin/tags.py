"""Tags: what jobs are tagged with, and holding everything that carries a tag."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from jobs import paused_tags
from jobs.models import Job, JobState, Tag
from jobs.services import tags as service
from tenants import marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog

_SHOWN = 50


class Pause(Dialog):
    """Why, and until when."""

    reason = forms.CharField(
        max_length=500, widget=widgets.UnfoldAdminTextInputWidget, help_text="Everybody whose work waits reads it."
    )
    until = forms.DateTimeField(
        required=False,
        label="Until, in UTC",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Such as 2026-03-01 22:00; then it goes on by itself. Empty: until it is resumed.",
    )


@admin.register(Tag)
class TagAdmin(pages.ConsoleAdmin):
    """Every tag that jobs carry."""

    read_permission = "jobs:read"
    title = "Tags"
    change_form_template = "console/tag.html"
    empty_hint = "Jobs may carry tags; everything that carries one can be paused at once."
    list_display = ("called", "standing", "jobs_with_it", "why", "by", "until_when", "tenant_name")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("tag",)
    search_help_text = "Tag"
    changelist_class = ChangeList
    ordering = ("tag", "pk")
    actions_detail = ("pause", "resume")

    def for_list(self, queryset: QuerySet[Tag]) -> QuerySet[Tag]:
        found = paused_tags.in_use(timezone.now()).values("pk")
        rows = paused_tags.counted(queryset.filter(pk__in=found)).select_related("tenant")
        return names.with_keys(rows, "paused_by")

    @admin.display(description="Tag")
    def called(self, tag: Tag) -> Any:
        return marks.shortened(tag.tag, 40)

    @admin.display(description="State")
    def standing(self, tag: Tag) -> Any:
        return _state(tag)

    @admin.display(description="Jobs")
    def jobs_with_it(self, tag: Any) -> int:
        return tag.job_count  # type: ignore[no-any-return]

    @admin.display(description="Reason")
    def why(self, tag: Tag) -> Any:
        return marks.shortened(tag.reason, 60) if _is_paused(tag) else marks.NOTHING

    @admin.display(description="Paused by")
    def by(self, tag: Tag) -> Any:
        return marks.shortened(names.of_row(tag, "paused_by"), 30) if _is_paused(tag) else marks.NOTHING

    @admin.display(description="Until")
    def until_when(self, tag: Tag) -> Any:
        return _until(tag)

    @admin.display(description="Tenant")
    def tenant_name(self, tag: Tag) -> Any:
        return marks.shortened(tag.tenant.slug, 24)

    def name_of(self, row: Tag) -> str:
        return row.tag

    def owner_of(self, row: Tag) -> str:
        return ""  # nobody's own: anybody's job may carry it

    def detail(self, request: HttpRequest, row: Tag) -> dict[str, Any]:
        held = _is_paused(row)
        facts = [
            ("State", _state(row)),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Reason", row.reason if held else marks.NOTHING),
            ("Paused by", names.called(row.paused_by) if held else marks.NOTHING),
            ("Paused" if held else "Last paused", marks.instant(row.paused_at)),
            ("Until", _until(row)),
        ]
        return {"facts": facts, "carrying": _jobs(row)}

    def offered(self, row: Tag) -> Collection[str]:
        return service.allowed_actions(row, timezone.now())

    @dialog(
        "Pause",
        title="Pause everything that carries this tag?",
        description="Nothing more of it starts, and what is published is taken back; what runs goes on. A tag that is paused"
        " gets this reason and this end instead.",
        icon="pause",
        form=Pause,
        permission="jobs:write",
    )
    def pause(self, request: HttpRequest, form: Pause) -> HttpResponse:
        tag = service.pause(tag=form.row, **form.cleaned_data)
        return self.done(request, f"The tag {tag.tag} is paused.", self.row_url(tag.pk))

    @dialog(
        "Resume",
        title="Resume this tag?",
        description="What waits goes on at once; the schedules' misfire policy decides about the slots in between.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
        permission="jobs:write",
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        tag = service.resume(tag=form.row)
        return self.done(request, f"The tag {tag.tag} goes on.", self.row_url(tag.pk))


def _is_paused(tag: Tag) -> bool:
    return tag.is_paused(timezone.now())


def _state(tag: Tag) -> Any:
    return marks.state("paused" if _is_paused(tag) else "active")


def _until(tag: Tag) -> Any:
    if not _is_paused(tag):
        return marks.NOTHING
    return marks.instant(tag.until) if tag.until else "resumed"


def _jobs(tag: Tag) -> dict[str, Any]:
    carried = Job.objects.filter(tenant=tag.tenant_id, tag_rows__tag=tag.tag).exclude(state=JobState.DELETED)
    found = list(carried.order_by("name")[: _SHOWN + 1])
    rows = [(pages.link_to(job, marks.shortened(job.name, 60)), marks.state(job.state), job.queue_id) for job in found]
    more = f", the first {_SHOWN}" if len(found) > _SHOWN else ""
    return {
        "title": f"Jobs with it{more}",
        "headers": ("Job", "State", "Queue"),
        "rows": rows[:_SHOWN],
        "empty": "None.",
    }
