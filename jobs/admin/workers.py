"""Workers: who lives, what each may run and what it is running."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.views import ChangeList

from jobs.admin import recent
from jobs.models import Execution, Worker
from tenants import actors, marks
from tenants.admin import pages


@admin.register(Worker)
class WorkerAdmin(pages.ConsoleAdmin):
    """Each boot of a worker; those that ended stay for a day."""

    read_permission = "jobs:read"
    title = "Workers"
    has_trail = False
    empty_hint = "No worker has ever started: nothing runs until one does. `make up` starts one; a container runs `celery worker`."
    change_form_template = "console/worker.html"
    list_display = ("name", "standing", "serves", "pool", "concurrency", "renewed", "up_since")
    changelist_class = ChangeList  # few rows, and not in the order of their keys
    ordering = ("-lease_expires_at",)

    @admin.display(description="State")
    def standing(self, worker: Worker) -> Any:
        refused = ", ".join(sorted(worker.refuses))
        standing = marks.state(_standing(worker))
        return format_html("{} refuses {}", standing, refused) if refused else standing

    @admin.display(description="Queues")
    def serves(self, worker: Worker) -> Any:
        return marks.shortened(", ".join(worker.queues), 50)

    @admin.display(description="Lease renewed")
    def renewed(self, worker: Worker) -> str:
        return marks.length(timezone.now() - worker.renewed_at) + " ago"

    @admin.display(description="Started")
    def up_since(self, worker: Worker) -> Any:
        return marks.instant(worker.started_at)

    def name_of(self, row: Worker) -> str:
        return row.name

    def detail(self, request: HttpRequest, row: Worker) -> dict[str, Any]:
        facts = [
            ("State", marks.state(_standing(row))),
            ("Name", row.name),
            ("Queues", ", ".join(row.queues)),
            *((f"Refuses {job_type} jobs", why) for job_type, why in sorted(row.refuses.items())),
            ("Pool, concurrency", f"{row.pool}, {row.concurrency}"),
            *(_processes(row) if actors.current().of_platform else ()),
            ("Started", marks.instant(row.started_at)),
            ("Lease renewed", marks.length(timezone.now() - row.renewed_at) + " ago"),
            ("Lease ends", marks.instant(row.lease_expires_at)),
            ("Id", marks.code(row.pk)),
        ]
        running = Execution.objects.filter(worker_id=row.pk, state="running")
        return {"facts": facts, "running": recent.held("Running there", running, timezone.now())}


def _processes(worker: Worker) -> list[tuple[str, Any]]:
    return [("Main process", worker.pid), ("Processes", ", ".join(map(str, worker.pids)) or marks.NOTHING)]


def _standing(worker: Worker) -> str:
    if not worker.is_live(timezone.now()):
        return "gone"
    return "draining" if worker.draining else "live"
