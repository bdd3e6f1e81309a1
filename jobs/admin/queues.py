"""Queues of the platform: what is in flight there, who serves them, and holding them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from unfold import widgets
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from jobs import selectors
from jobs.models import Queue
from jobs.services import queues as service
from tenants import marks
from tenants.admin import pages, throttling
from tenants.admin.dialogs import Dialog, dialog


class Limits(Dialog, throttling.Rate):
    """How much may be in flight, and start, in a queue."""

    max_running = forms.IntegerField(
        min_value=1,
        required=False,
        label="Most in flight",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="Executions of all tenants queued or running at once. Empty for no cap.",
    )
    field_order = ("max_running", "rate_limit", "rate_burst")

    def __init__(self, row: Queue, data: Any = None) -> None:
        super().__init__(row, data)
        self.initial = model_to_dict(row, list(self.fields))


@admin.register(Queue)
class QueueAdmin(throttling.Throttling, pages.ConsoleAdmin):
    """Every queue."""

    title = "Queues"
    empty_hint = "Jobs run on queues; the first is named default."
    list_display = ("name", "standing", "in_flight", "slots", "cap")
    search_fields = ("name",)
    changelist_class = ChangeList  # few rows, and not in the order of their keys
    ordering = ("name",)
    actions_detail = ("limits", "throttle", "unthrottle", "pause", "resume")

    def for_list(self, queryset: QuerySet[Queue]) -> QuerySet[Queue]:
        return selectors.with_load(queryset)

    @admin.display(description="State")
    def standing(self, queue: Queue) -> Any:
        return marks.state(selectors.queue_state(queue))

    @admin.display(description="In flight")
    def in_flight(self, queue: Any) -> int:
        return queue.flying or 0

    @admin.display(description="Slots of live workers")
    def slots(self, queue: Any) -> int:
        return queue.seats or 0

    @admin.display(description="Most in flight")
    def cap(self, queue: Queue) -> str:
        return throttling.cap(queue)

    def detail(self, request: HttpRequest, row: Queue) -> dict[str, Any]:
        load: Any = selectors.queues().get(pk=row.pk)
        facts = [
            ("State", marks.state(selectors.queue_state(load))),
            ("Paused since", marks.instant(row.paused_at)),
            ("In flight", load.flying or 0),
            ("Slots of live workers", load.seats or 0),
            ("Most in flight", row.max_running or "no cap"),
            ("Pool", row.get_pool_display()),
            ("Most in one message", row.batch_size),
            *throttling.facts(row),
            ("Rate", throttling.rate(row)),
            ("Created", marks.instant(row.created_at)),
        ]
        return {"facts": facts}

    def offered(self, row: Queue) -> Collection[str]:
        lifting = {"unthrottle"} if throttling.is_throttled(row) else set()
        return {"limits", "throttle", *service.allowed_actions(row)} | lifting

    def set_throttle(self, row: Queue, *, max_running: int, until: datetime) -> None:
        service.throttle(queue=row, max_running=max_running, until=until)

    def lift_throttle(self, row: Queue) -> None:
        service.unthrottle(queue=row)

    @dialog(
        "Limits",
        title="What this queue may carry",
        description="In force from the next admission on.",
        icon="tune",
        form=Limits,
        submit="Save",
    )
    def limits(self, request: HttpRequest, form: Limits) -> HttpResponse:
        queue = service.change(queue=form.row, **form.cleaned_data)
        return self.done(request, f"The queue {queue.name} has new limits.", self.row_url(queue.pk))

    @dialog(
        "Pause",
        title="Pause this queue?",
        description="Nothing more of it starts, of any tenant: what is published is taken back. What runs goes on, so it drains.",
        icon="pause",
        variant=ActionVariant.DANGER,
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        queue = service.pause(queue=form.row)
        return self.done(
            request, f"The queue {queue.name} drains; when nothing runs it is drained.", self.row_url(queue.pk)
        )

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
