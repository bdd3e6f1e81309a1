"""Executors: who claims over HTTP, what each can do and what it holds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs import executors
from jobs.admin import recent
from jobs.models import Executor, ExecutorState
from jobs.services import executors as service
from tenants import actors, marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog


@admin.register(Executor)
class ExecutorAdmin(pages.ConsoleAdmin):
    """Every tenant's executors. They register by themselves."""

    read_permission = "jobs:read"
    title = "Executors"
    empty_hint = (
        "An executor is a process of your own, in any language and anywhere, that claims jobs of the type external over "
        "HTTP. It registers by itself, with an API key of the scope executors:serve: docs/executors.md says how."
    )
    change_form_template = "console/executor.html"
    list_display = ("name", "standing", "can", "holds", "serves", "tenant", "last_seen")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = ("deactivate", "activate", "delete")
    button_permissions = dict.fromkeys(actions_detail, service.MANAGE)

    def owner_of(self, row: Executor) -> str:
        return ""  # nobody's own

    def for_list(self, queryset: QuerySet[Executor]) -> QuerySet[Executor]:
        return executors.counted(queryset.select_related("tenant"))

    @admin.display(description="State")
    def standing(self, executor: Executor) -> Any:
        return marks.state(_standing(executor, executors.running(executor)))

    @admin.display(description="Capabilities")
    def can(self, executor: Executor) -> Any:
        return marks.shortened(", ".join(executor.capabilities), 50) or marks.NOTHING

    @admin.display(description="Holds")
    def holds(self, executor: Executor) -> str:
        return f"{executors.running(executor)} of {executor.max_concurrent}"

    @admin.display(description="Queues")
    def serves(self, executor: Executor) -> Any:
        return marks.shortened(", ".join(executor.queues), 50)

    @admin.display(description="Last heard of")
    def last_seen(self, executor: Executor) -> str:
        return _heard_of(executor)

    def detail(self, request: HttpRequest, row: Executor) -> dict[str, Any]:
        held = executors.held_by(row)
        holds = held.count()
        facts = [
            ("Name", row.name),
            ("State", marks.state(_standing(row, holds))),
            ("Capabilities", ", ".join(map(str, row.capabilities)) or "none: it claims what asks for none"),
            ("Queues", ", ".join(row.queues)),
            ("Holds", f"{holds} of {row.max_concurrent}"),
            ("Last heard of", _heard_of(row)),
            ("Lease ends", marks.instant(row.lease_expires_at)),
            ("Its process registered", marks.instant(row.started_at)),
            ("Description", row.description or marks.NOTHING),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Created", marks.instant(row.created_at)),
            ("Created by", names.called(row.created_by)),
            ("Id", marks.code(row.pk)),
        ]
        running: dict[str, Any] = {}
        if actors.may("executions:read"):
            running = recent.held("Holds now", held, timezone.now())
        return {"facts": facts, "running": running}

    def offered(self, row: Executor) -> Collection[str]:
        return {"delete", *service.allowed_actions(row)}

    @dialog(
        "Deactivate",
        title="Give it nothing new?",
        description="What it holds goes on, so it drains. It stays so until it is activated, however often it registers.",
        icon="pause",
    )
    def deactivate(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        executor = service.deactivate(executor=form.row)
        return self.done(request, f"{executor.name} is given nothing new.", self.row_url(executor.pk))

    @dialog("Activate", title="Give it work again?", description="From now on.", icon="play_arrow")
    def activate(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        executor = service.activate(executor=form.row)
        return self.done(request, f"{executor.name} is given work again.", self.row_url(executor.pk))

    @dialog(
        "Delete",
        title="Forget this executor?",
        description="Only one that holds nothing. A process of it that still lives is refused until it registers again.",
        icon="delete",
        variant=ActionVariant.DANGER,
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.delete(executor=form.row)
        return self.done(request, f"The executor {form.row.name} is deleted.", self.list_url())


def _standing(executor: Executor, holds: int) -> str:
    if not executor.is_live(timezone.now()):
        return "gone"
    if executor.state == ExecutorState.INACTIVE:
        return "draining" if holds else "paused"
    return "draining" if executor.draining else "live"


def _heard_of(executor: Executor) -> str:
    if executor.renewed_at is None:
        return "never"
    return marks.length(timezone.now() - executor.renewed_at) + " ago"
