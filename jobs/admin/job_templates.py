"""Job templates: what they ask for, what they would make, and making it. The gallery is where new ones begin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs import gallery, selectors
from jobs.admin import wording
from jobs.admin.template_forms import Changes, Filling, NewTemplate, fields_of, in_order
from jobs.models import Job, JobTemplate
from jobs.rules.template_parameters import Parameter
from jobs.services import job_templates as service
from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog

#: How many runs to come a preview tells.
_FIRES = 10


@admin.register(JobTemplate)
class JobTemplateAdmin(pages.ConsoleAdmin):
    """Every tenant's templates."""

    read_permission = "jobs:read"
    add_permission = "jobs:write"
    title = "Templates"
    change_form_template = "console/job_template.html"
    empty_hint = (
        "A template is a job with gaps, which parameters fill: one for each shop, channel or customer. "
        "Begin with one of the built-in gallery."
    )
    add_label = "New template"
    list_display = ("called", "standing", "category", "tenant_name", "version", "about")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = ("make", "preview", "edit", "delete")

    def for_list(self, queryset: QuerySet[JobTemplate]) -> QuerySet[JobTemplate]:
        return queryset.select_related("tenant").defer("parameters", "body")

    def owner_of(self, row: JobTemplate) -> str:
        return row.owner

    def needs(self, button: str) -> str:
        return "jobs:write" if button in self.actions_detail else super().needs(button)

    @admin.display(description="Name")
    def called(self, template: JobTemplate) -> Any:
        return marks.shortened(template.name, 40)

    @admin.display(description="State")
    def standing(self, template: JobTemplate) -> Any:
        return _state(template)

    @admin.display(description="Tenant")
    def tenant_name(self, template: JobTemplate) -> Any:
        return marks.shortened(template.tenant.slug, 24)

    @admin.display(description="Description")
    def about(self, template: JobTemplate) -> Any:
        return marks.shortened(template.description, 60)

    def detail(self, request: HttpRequest, row: JobTemplate) -> dict[str, Any]:
        facts = [
            ("State", _state(row)),
            ("Version", row.version),
            ("Category", row.category or marks.NOTHING),
            ("Description", row.description or marks.NOTHING),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Changed", marks.instant(row.updated_at)),
            ("Id", marks.code(row.pk)),
        ]
        return {"facts": facts, "asked": _asked(row), "body": row.body, "may_see_payloads": actors.may("payloads:read")}

    def add_page(self, request: HttpRequest) -> HttpResponse:
        entry = gallery.entries().get(request.GET.get("from", ""))
        crumbs = [(self.title, self.list_url()), (self.add_label, "")]
        context = {"title": self.add_label, "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}
        initial = service.told(entry) if entry else {}
        form = NewTemplate(request.POST or None, initial=initial)

        def carry_out(given: dict[str, Any]) -> str:
            made = service.create(tenant=given["tenant"], fields=fields_of(given))
            return self.row_url(made.pk)

        return console_forms.page(request, form, carry_out=carry_out, context=context | {"table": _gallery()})

    @dialog(
        "Make a job",
        title="Make a job of it?",
        description="It has its schedules at once. What becomes of the template later is nothing to it.",
        icon="add_task",
        form=Filling,
        submit="Make",
        permission="jobs:write",
    )
    def make(self, request: HttpRequest, form: Filling) -> HttpResponse:
        (job,) = service.instantiate(tenant=form.row.tenant, template=form.row, items=[form.wish()])
        return self.done(request, f"{job.name} is made.", pages.page_of(Job, job.pk))

    @dialog(
        "Preview",
        title="What would it make?",
        description="The job is checked like any other, and not stored.",
        icon="visibility",
        form=Filling,
        submit="Preview",
        permission="jobs:write",
    )
    def preview(self, request: HttpRequest, form: Filling) -> HttpResponse:
        row = form.row
        shown = service.preview(tenant=row.tenant, template=row, item=form.wish(), show=_shown)
        context = {
            **admin.site.each_context(request),
            "title": row.name,
            "crumbs": [(self.title, self.list_url()), (row.name, self.row_url(row.pk)), ("Preview", "")],
            "back": self.row_url(row.pk),
            "may_see_payloads": actors.may("payloads:read"),
        }
        return render(request, "console/job_template_preview.html", context | shown)

    @dialog(
        "Edit",
        title="What is it?",
        description="Jobs that it made stay as they are.",
        icon="edit",
        form=Changes,
        submit="Save",
        permission="jobs:write",
    )
    def edit(self, request: HttpRequest, form: Changes) -> HttpResponse:
        template = service.update(template=form.row, fields=fields_of(form.cleaned_data))
        return self.done(request, f"{template.name} is at version {template.version}.", self.row_url(template.pk))

    @dialog(
        "Delete",
        title="Delete this template?",
        description="Jobs that it made stay.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        name = form.row.name
        service.delete(template=form.row)
        return self.done(request, f"The template {name} is deleted.", self.list_url())


def _state(template: JobTemplate) -> Any:
    return marks.state("active" if template.active else "disabled")


def _gallery() -> dict[str, Any]:
    rows = [
        (marks.link(f"?from={entry.name}", entry.name), entry.category, entry.description)
        for entry in gallery.entries().values()
    ]
    return {"title": "Begin with one of the gallery", "headers": ("Template", "Category", "What it does"), "rows": rows}


def _asked(template: JobTemplate) -> dict[str, Any]:
    rows = [
        (
            marks.code(each.name),
            each.type,
            "required" if each.required else marks.NOTHING if each.default is None else marks.code(each.default),
            _bounds(each),
            each.description or marks.NOTHING,
        )
        for each in in_order(template)
    ]
    headers = ("Name", "Type", "Default", "Bounds", "Description")
    return {"title": "Parameters", "headers": headers, "rows": rows, "empty": "None: every job is the same."}


def _bounds(parameter: Parameter) -> Any:
    if parameter.enum:
        return ", ".join(map(str, parameter.enum))
    if parameter.type == "string":
        return f"{parameter.min_length} to {parameter.max_length} characters"
    low, high = parameter.minimum, parameter.maximum
    told = (f"from {low}" if low is not None else "", f"to {high}" if high is not None else "")
    return " ".join(each for each in told if each) or marks.NOTHING


def _shown(job: Job) -> dict[str, Any]:
    """The page's context; all of it is read now, while the job is there."""
    facts = [
        ("Name", job.name),
        ("Type", marks.code(job.type)),
        ("Queue", job.queue_id),
        ("Priority", job.priority),
        ("Time limit", marks.length(job.timeout_seconds)),
        *(("Schedule", f"{wording.rule(each)}, {each.timezone}") for each in job.schedules.all()),
    ]
    runs = [(marks.instant(run.slot.at),) for run, _ in selectors.upcoming(job, timezone.now(), _FIRES)]
    table = {"title": "Next runs", "headers": ("At",), "rows": runs, "empty": "None: it runs when it is asked to."}
    return {"facts": facts, "payload": job.payload, "runs": table}
