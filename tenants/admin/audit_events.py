"""The audit trail: who changed what. Nobody changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from tenants import actors, marks
from tenants.admin import pages
from tenants.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(pages.ConsoleAdmin):
    """Every change, the newest first."""

    read_permission = "audit:read"
    extra_lookups = ("object_type", "object_id")
    title = "Audit"
    has_trail = False
    empty_hint = "Every change by a person or a key is written down here, in the transaction of the change."
    list_display = ("when", "action", "what", "tenant", "actor", "why")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("object_id",)
    search_help_text = "Id of what was changed"

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
            ("Changes, old and new", marks.json_block(_shown(row.changes)) if row.changes else "none"),
        ]
        return {"facts": facts}


def _shown(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A payload is its readers' alone, in the trail too."""
    may_see = actors.may("payloads:read")
    return {name: change if may_see or name != "payload" else "not shown" for name, change in changes.items()}
