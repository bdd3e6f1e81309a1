"""The audit trail: who changed what. Nobody changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.audit_filters import Action, Actor, From, Kind, Until
from tenants.admin.keyset import AFTER, BEFORE
from tenants.api.streaming import Download
from tenants.models import AuditEvent, AuditSeal
from tenants.services import audit_export

_TENANT = "tenant__id__exact"


class Export(forms.Form):
    """The format of a file."""

    form = forms.ChoiceField(
        choices=[("ndjson", "NDJSON, which can be verified"), ("csv", "CSV, for spreadsheets")],
        label="Format",
        widget=widgets.UnfoldAdminSelectWidget,
    )


@admin.register(AuditEvent)
class AuditEventAdmin(pages.ConsoleAdmin):
    """Every change, the newest first."""

    title = "Audit"
    has_trail = False
    empty_hint = "Every change by a person or a key is written down here, in the transaction of the change."
    change_form_template = "console/audit_event.html"
    list_before_template = "console/audit_list.html"
    list_display = ("when", "action", "what", "tenant", "actor", "why")
    list_filter = (("tenant", AutocompleteSelectFilter), Actor, Action, Kind, From, Until)
    search_fields = ("object_id",)
    search_help_text = "Id of what was changed"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export)
        return [path("export/", view, name="tenants_auditevent_export"), *super().get_urls()]

    def for_list(self, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.select_related("tenant")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        return (queryset.filter(object_id=search_term.strip()) if search_term else queryset), False

    @admin.display(description="When")
    def when(self, event: AuditEvent) -> str:
        return marks.instant(event.at)

    @admin.display(description="What")
    def what(self, event: AuditEvent) -> str:
        return f"{event.object_type} {event.object_id}"

    @admin.display(description="Reason")
    def why(self, event: AuditEvent) -> str:
        return marks.shortened(event.reason)

    def name_of(self, row: AuditEvent) -> str:
        return row.action

    def detail(self, request: HttpRequest, row: AuditEvent) -> dict[str, Any]:
        facts = [
            ("When", marks.instant(row.at, millis=True)),
            ("Who", row.actor),
            ("Did", marks.code(row.action)),
            ("To", f"{row.object_type} {row.object_id}"),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name) if row.tenant else "the platform itself"),
            ("Reason", row.reason or marks.NOTHING),
            ("From", row.address or marks.NOTHING),
            ("Request", marks.code(row.request_id or marks.NOTHING)),
            ("Seal", _sealed(AuditSeal.objects.filter(event_id=row.pk).first())),
        ]
        return {"facts": facts, "changes": _changes(row.changes)}

    def export(self, request: HttpRequest) -> HttpResponse:
        """The rows of the list as a file. Asked first: who exports is written down, and looking writes nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        given = {
            name: value for name, value in request.GET.items() if value and name not in (BEFORE, AFTER, "p", "all")
        }
        narrowed = ", ".join(f"{name.removesuffix('__id__exact')} {value}" for name, value in given.items())
        context = {
            "title": "Export the audit trail",
            "crumbs": [(self.title, self.list_url()), ("Export", "")],
            "intro": f"Rows with {narrowed}." if narrowed else "Every row that is sealed, of every tenant.",
            "back": self.list_url() + (f"?{request.GET.urlencode()}" if given else ""),
            "submit": "Export",
        }
        form = Export(request.POST or None)
        return console_forms.page(
            request, form, carry_out=lambda chosen: self._exported(request, given, chosen["form"]), context=context
        )

    def _exported(self, request: HttpRequest, given: Mapping[str, Any], form: str) -> HttpResponse:
        chosen = self.get_changelist_instance(request).queryset.select_related(None) if given else None
        parts = audit_export.export(tenant=None, form=form, filters=given, chosen=chosen)
        return Download(parts, name=f"audit.{form}", content_type=audit_export.FORMS[form])  # type: ignore[return-value]


def _sealed(seal: AuditSeal | None) -> Any:
    if seal is None:
        return marks.state("unsealed")
    chain = "its tenant's" if seal.tenant_id else "the platform's"
    where = f"number {seal.number} of the installation's chain, {seal.position} of {chain}"
    return marks.joined([marks.state("sealed"), where, marks.instant(seal.sealed_at)])


def _changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with a line for each field."""
    return {
        "title": "Changes",
        "headers": ("Field", "Old", "New"),
        "rows": [(marks.code(field), *_old_and_new(field, change)) for field, change in changes.items()],
        "empty": "No field: the action says it all.",
    }


def _old_and_new(field: str, change: Any) -> tuple[Any, Any]:
    if field == "payload":
        return "not shown", marks.joined(["changed: ", marks.joined(map(marks.code, change), ", ")], "")
    if isinstance(change, list) and len(change) == 2:
        return _value(change[0]), _value(change[1])
    return marks.NOTHING, _value(change)


def _value(value: Any) -> Any:
    if isinstance(value, dict | list):
        return marks.json_block(value)
    return marks.NOTHING if value in (None, "") else marks.shortened(str(value), 300)
