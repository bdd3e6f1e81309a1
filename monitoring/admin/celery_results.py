"""Results of the system's own Celery tasks, under the console's look. Executions are a record of their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django_celery_results.models import GroupResult, TaskResult

from tenants import marks
from tenants.admin import pages

admin.site.unregister([TaskResult, GroupResult])


class _ResultAdmin(pages.ConsoleAdmin):
    """Read-only: the app's log-in may do nothing else either."""

    has_trail = False

    @admin.display(description="Done")
    def done_at(self, row: Any) -> Any:
        return marks.instant(row.date_done)

    def detail(self, request: HttpRequest, row: Model) -> dict[str, Any]:
        facts = []
        for field in row._meta.concrete_fields:
            value = getattr(row, field.attname)
            as_instant = field.get_internal_type() == "DateTimeField"
            as_text = marks.text_block if field.get_internal_type() == "TextField" else str
            facts.append((str(field.verbose_name), marks.instant(value) if as_instant else as_text(value)))
        return {"facts": facts}


@admin.register(TaskResult)
class TaskResultAdmin(_ResultAdmin):
    """One task's result."""

    title = "System results"
    empty_hint = "The system's own Celery tasks leave a result here if they have one; executions are in their own list."
    list_display = ("task_name", "status", "worker", "done_at")
    list_filter = ("status",)
    search_fields = ("task_id",)
    search_help_text = "Task id"

    def name_of(self, row: TaskResult) -> str:
        return str(row.task_name or row.task_id)


@admin.register(GroupResult)
class GroupResultAdmin(_ResultAdmin):
    """One group's result."""

    title = "System results, of groups"
    empty_hint = "The system's own Celery tasks leave a result here if they run in a group."
    list_display = ("group_id", "done_at")

    def name_of(self, row: GroupResult) -> str:
        return str(row.group_id)
