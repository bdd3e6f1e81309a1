"""Queues of the platform: what is in flight there, who serves them, and holding them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from jobs.models import Execution, Queue, Worker
from jobs.rules.states import IN_FLIGHT
from jobs.services import queues as service
from tenants import marks
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog


@admin.register(Queue)
class QueueAdmin(pages.ConsoleAdmin):
    """Every queue."""

    title = "Queues"
    empty_hint = "Jobs run on queues; the first is named default."
    list_display = ("name", "standing", "in_flight", "slots", "cap")
    search_fields = ("name",)
    changelist_class = ChangeList  # few rows, and not in the order of their keys
    ordering = ("name",)
    actions_detail = ("pause", "resume")

    def for_list(self, queryset: QuerySet[Queue]) -> QuerySet[Queue]:
        return with_load(queryset)

    @admin.display(description="State")
    def standing(self, queue: Queue) -> Any:
        return marks.state(_standing(queue))

    @admin.display(description="In flight")
    def in_flight(self, queue: Any) -> int:
        return queue.flying or 0

    @admin.display(description="Slots of live workers")
    def slots(self, queue: Any) -> int:
        return queue.seats or 0

    @admin.display(description="Most in flight")
    def cap(self, queue: Queue) -> str:
        return str(queue.max_running or marks.NOTHING)

    def detail(self, request: HttpRequest, row: Queue) -> dict[str, Any]:
        load: Any = with_load(Queue.objects.filter(pk=row.pk)).get()
        facts = [
            ("State", marks.state(_standing(row))),
            ("Paused since", marks.instant(row.paused_at)),
            ("In flight", load.flying or 0),
            ("Slots of live workers", load.seats or 0),
            ("Most in flight", row.max_running or "no cap"),
            ("Pool", row.get_pool_display()),
            ("Most in one message", row.batch_size),
            ("Created", marks.instant(row.created_at)),
        ]
        return {"facts": facts}

    def offered(self, row: Queue) -> Collection[str]:
        return service.allowed_actions(row)

    @dialog(
        "Pause",
        title="Pause this queue?",
        description="Nothing more of any tenant is sent to its workers. What is published or running goes on.",
        icon="pause",
        variant=ActionVariant.DANGER,
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        queue = service.pause(queue=form.row)
        return self.done(request, f"The queue {queue.name} is paused.", self.row_url(queue.pk))

    @dialog(
        "Resume",
        title="Resume this queue?",
        description="What waits for it goes on, by priority and fairly among tenants.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        queue = service.resume(queue=form.row)
        return self.done(request, f"The queue {queue.name} is active again.", self.row_url(queue.pk))


def with_load(queues: QuerySet[Queue]) -> QuerySet[Queue]:
    """Queues with ``flying``, the executions in flight, and ``seats``, the slots of live workers."""
    flights = Execution.objects.filter(queue=OuterRef("pk"), state__in=sorted(IN_FLIGHT)).order_by()
    crews = Worker.objects.filter(
        queues__contains=[OuterRef("pk")], lease_expires_at__gt=Now(), draining=False
    ).order_by()
    return queues.annotate(
        flying=Subquery(flights.values("queue").annotate(n=Count("pk")).values("n"), output_field=IntegerField()),
        seats=Subquery(
            crews.annotate(all=Value(1)).values("all").annotate(n=Sum("concurrency")).values("n"),
            output_field=IntegerField(),
        ),
    )


def _standing(queue: Queue) -> str:
    return "paused" if queue.paused_at else "active"
