"""The page of a tenant, with what it may have and has used of jobs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold import widgets

from jobs.admin import usage_panel
from jobs.services import job_defaults
from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Dialog, Editing, dialog
from tenants.admin.tenants import TenantAdmin
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.rules.quotas import LEAST_LOG, MOST, MOST_BYTES, MOST_LOG
from tenants.services import tenant_quotas

_WHOLE = widgets.UnfoldAdminIntegerFieldWidget


def _most(label: str, help_text: str, **bounds: int) -> forms.IntegerField:
    limits: Any = {"min_value": 0, "max_value": MOST, **bounds}
    return forms.IntegerField(required=False, label=label, help_text=help_text, widget=_WHOLE, **limits)


class Quotas(Editing):
    """How much a tenant may have, and which queues and types are granted to it."""

    max_jobs = _most("Most jobs", "Empty, here and below, for the installation's default.")
    max_schedules = _most("Most schedules", "")
    max_unfinished = _most("Most unfinished executions", "Waiting or running. More is refused; slots are skipped.")
    max_log_bytes = _most(
        "Most log of an attempt, in bytes", "What follows is not kept.", min_value=LEAST_LOG, max_value=MOST_LOG
    )
    max_artifact_bytes = _most("Most bytes of artifacts", "Of all that are kept.", max_value=MOST_BYTES)
    max_file_bytes = _most("Most bytes of files", "In its folder.", max_value=MOST_BYTES)
    retention_days = _most(
        "Kept for, in days", "Ended executions. Never longer than the installation's.", min_value=1, max_value=3650
    )
    artifact_days = _most("Artifacts kept for, in days", "The same of artifacts.", min_value=1, max_value=3650)
    allowed_queues = console_forms.LinesField(required=False, label="Queues", help_text="One a line. Empty for all.")
    allowed_job_types = console_forms.LinesField(
        required=False, label="Job types", help_text="One a line, such as http. Empty for all."
    )


class Defaults(Dialog):
    """What its jobs and schedules have unless they say otherwise."""

    timezone = forms.CharField(
        max_length=64,
        required=False,
        label="Time zone",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="Of schedules, such as Europe/Berlin. Empty for UTC.",
    )
    timeout_seconds = forms.FloatField(
        min_value=0.1,
        max_value=86_400,
        required=False,
        label="Timeout in seconds",
        widget=widgets.UnfoldAdminDecimalFieldWidget,
        help_text="Empty for 300.",
    )
    retry = console_forms.JsonObjectField(
        required=False, label="Retry policy", help_text='Such as {"max_attempts": 3}. Empty for the product\'s.'
    )

    def __init__(self, row: Tenant, data: Any = None) -> None:
        super().__init__(row, data)
        self.initial = {name: getattr(row, f"default_{name}") for name in self.fields}


admin.site.unregister(Tenant)


@admin.register(Tenant)
class TenantWithJobsAdmin(TenantAdmin):
    """Every tenant of the installation."""

    change_form_template = "console/tenant.html"
    actions_detail = (*TenantAdmin.actions_detail, "quotas", "defaults")

    def detail(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        shown = super().detail(request, row)
        facts = [
            *shown["facts"],
            ("Ended executions are kept", f"{row.retention_days} days" if row.retention_days else "as long as any"),
            ("Artifacts are kept", f"{row.artifact_days} days" if row.artifact_days else "as long as any"),
            ("Queues", ", ".join(row.allowed_queues) or "all"),
            ("Job types", ", ".join(row.allowed_job_types) or "all"),
            ("Zone of new schedules", row.default_timezone or "UTC"),
            ("Timeout of new jobs", marks.length(row.default_timeout_seconds or 300)),
            ("Retry of new jobs", marks.json_block(row.default_retry) if row.default_retry else "the product's"),
        ]
        return {**shown, "facts": facts, "quotas": usage_panel.quotas(row), "usage": usage_panel.usage(row)}

    def offered(self, row: Tenant) -> Collection[str]:
        return {*super().offered(row), "quotas", "defaults"}

    @dialog(
        "Quotas",
        title="How much may it have?",
        description="A lowered one takes nothing away: more is refused until there is less.",
        icon="inventory_2",
        form=Quotas,
        submit="Save",
    )
    def quotas(self, request: HttpRequest, form: Quotas) -> HttpResponse:
        fields: Any = form.cleaned_data
        tenant = tenant_quotas.change(tenant=form.row, fields=fields)
        return self.done(request, f"{tenant.name} has new quotas.", self.row_url(tenant.pk))

    @dialog(
        "Defaults",
        title="What do its jobs and schedules have?",
        description="Of those made from now on that do not say otherwise. None that is stored changes.",
        icon="edit_note",
        permission=permissions.ADMIN,
        form=Defaults,
        submit="Save",
    )
    def defaults(self, request: HttpRequest, form: Defaults) -> HttpResponse:
        fields: Any = form.cleaned_data
        tenant = job_defaults.change(tenant=form.row, fields=fields)
        return self.done(request, f"{tenant.name} has new defaults.", self.row_url(tenant.pk))
