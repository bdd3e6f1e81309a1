"""Queues of the platform: what is in flight there, who serves them, making, changing and holding them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from jobs import neighbours, selectors
from jobs.admin import queue_form
from jobs.engine import dispatch
from jobs.models import Queue
from jobs.models.queue import Pool
from jobs.services import queue_states
from jobs.services import queues as service
from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages, throttling
from tenants.admin.dialogs import Dialog, dialog
from tenants.rules import permissions

#: Minutes that the table of a queue's page is about, and tenants that it names.
_LATELY, _MOST = timedelta(minutes=60), 20


@admin.register(Queue)
class QueueAdmin(throttling.Throttling, pages.ConsoleAdmin):
    """Every queue."""

    read_permission = "jobs:read"
    add_permission = permissions.PLATFORM
    shared = True
    title = "Queues"
    change_form_template = "console/queue.html"
    empty_hint = "Jobs run on queues; the first is named default."
    add_label = "New queue"
    list_display = ("called", "standing", "runs_in", "in_flight", "slots", "cap")
    search_fields = ("name",)
    search_help_text = "Name"
    changelist_class = ChangeList  # few rows, and not in the order of their keys
    ordering = ("name",)
    actions_detail = ("edit", "throttle", "unthrottle", "pause", "resume", "delete")

    def for_list(self, queryset: QuerySet[Queue]) -> QuerySet[Queue]:
        return selectors.with_load(queryset)

    @admin.display(description="Name")
    def called(self, queue: Queue) -> Any:
        return marks.shortened(queue.name, 40)

    @admin.display(description="Pool")
    def runs_in(self, queue: Queue) -> str:
        return queue.pool

    @admin.display(description="State")
    def standing(self, queue: Queue) -> Any:
        return marks.state(_state(queue))

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
            ("State", marks.state(_state(load))),
            ("Paused since", marks.instant(row.paused_at)),
            ("In flight" if actors.current().of_platform else "In flight, of this tenant", load.flying or 0),
            ("Slots of live workers" if row.pool != Pool.EXTERNAL else "Places of live executors", load.seats or 0),
            ("Most in flight", row.max_running or "no cap"),
            ("Pool", row.pool),
            ("Most in one message", row.batch_size if row.batch_size > 1 else "1, each travels alone"),
            *throttling.facts(row),
            ("Rate", throttling.rate(row)),
            ("Waiting raises after", marks.length(row.ageing_seconds) if row.ageing_seconds else "never"),
            ("Created", marks.instant(row.created_at)),
        ]
        has_workers = row.pool != Pool.EXTERNAL
        command = worker_command(row) if has_workers and self.allows(permissions.PLATFORM) else None
        unserved = has_workers and not load.seats
        return {"facts": facts, "command": command, "unserved": unserved, "used": _used(row)}

    def offered(self, row: Queue) -> Collection[str]:
        lifting = {"unthrottle"} if throttling.is_throttled(row) else set()
        deleting = {"delete"} if row.pk != service.DEFAULT else set()
        return {"edit", "throttle", *queue_states.allowed_actions(row)} | lifting | deleting

    def set_throttle(self, row: Queue, *, max_running: int, until: datetime) -> None:
        queue_states.throttle(queue=row, max_running=max_running, until=until)

    def lift_throttle(self, row: Queue) -> None:
        queue_states.unthrottle(queue=row)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        form = queue_form.NewQueue(None, request.POST or None)
        crumbs = [(self.title, self.list_url()), ("New queue", "")]
        context = {"title": "New queue", "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}
        context["intro"] = "Nothing runs there before a worker serves it; its page will say how one is started."
        return console_forms.page(request, form, carry_out=self._create, context=context)

    def _create(self, given: dict[str, Any]) -> str:
        fields: Any = {name: value for name, value in given.items() if name != "name"}
        return self.row_url(service.create(name=given["name"], fields=fields).pk)

    @dialog(
        "Edit",
        title="What this queue is and may carry",
        description="In force from the next admission on. Nothing in flight is stopped.",
        icon="edit",
        form=queue_form.Fields,
        submit="Save",
    )
    def edit(self, request: HttpRequest, form: queue_form.Fields) -> HttpResponse:
        fields: Any = form.cleaned_data
        queue = service.update(queue=form.row, fields=fields)
        return self.done(request, f"The queue {queue.name} is changed.", self.row_url(queue.pk))

    @dialog(
        "Pause",
        title="Pause this queue?",
        description="Nothing more of it starts, of any tenant: what is published is taken back. What runs goes on, so it drains.",
        icon="pause",
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        queue = queue_states.pause(queue=form.row)
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
        queue = queue_states.resume(queue=form.row)
        return self.done(request, f"The queue {queue.name} is active again.", self.row_url(queue.pk))

    @dialog(
        "Delete",
        title="Delete this queue?",
        description="Only a queue that no job uses, and where nothing waits or runs. Stop its workers afterwards.",
        icon="delete",
        variant=ActionVariant.DANGER,
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.delete(queue=form.row)
        return self.done(request, f"The queue {form.row.name} is deleted.", self.list_url())


def _state(queue: Any) -> str:
    """Whether a paused one has drained can be told only by who sees every tenant's executions."""
    return selectors.queue_state(queue) if actors.current().of_platform or not queue.paused_at else "paused"


def worker_command(queue: Queue) -> str:
    """What starts a worker of a queue, in the environment that docs/operations.md says; an option a line."""
    options = {
        "queues": dispatch.celery_queue(queue.pk),
        "pool": queue.pool,
        "concurrency": 8 if queue.pool == Pool.PREFORK else 16,
        "hostname": f"{queue.pk}@%h",
    }
    lines = [f"    --{name}={value}" for name, value in options.items()]
    return " \\\n".join(["celery --app=scheduler_project", "    worker", *lines])


def _used(queue: Queue) -> dict[str, Any]:
    """Who used it lately: tenants by name for the platform's people alone."""
    found = neighbours.of_queue(queue.name, lately=_LATELY, now=timezone.now())
    cells = [
        (
            marks.shortened(use.tenant, 40) if use.tenant else "other tenants",
            marks.length(use.seconds),
            f"{use.share:.0%}",
        )
        for use in found.shares[:_MOST]
    ]
    title = "Who used it in the last hour" + (", by the newest executions" if found.capped else "")
    return {"title": title, "headers": ("Tenant", "Ran for", "Share"), "rows": cells, "empty": "Nothing ran there."}
