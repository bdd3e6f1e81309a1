"""Operations: long work over many executions, how far each has come, and the buttons that hold or end it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs.admin import recent, wording
from jobs.models import Execution, Operation
from jobs.rules import background, canaries
from jobs.rules import operations as rules
from jobs.services import operations as service
from jobs.services import trimming
from tenants import marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, Editing, dialog


class Pace(Editing):
    """How fast it goes."""

    rate_per_second = forms.FloatField(
        min_value=rules.SLOWEST,
        max_value=rules.FASTEST,
        label="Executions a second",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class Aborting(Dialog):
    """What becomes of what keeps to its pace and is running."""

    cancel_running = forms.BooleanField(
        required=False, label="Also ask what it has started to stop", widget=widgets.UnfoldBooleanWidget
    )

    def __init__(self, row: Operation, data: Any = None) -> None:
        super().__init__(row, data)
        if row.max_active is None:
            del self.fields["cancel_running"]


class Active(Editing):
    """How many of its executions may be in flight."""

    max_active = forms.IntegerField(
        min_value=1,
        max_value=background.MOST_ACTIVE,
        label="Most in flight",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class Trim(Dialog):
    """What of a recovery to keep."""

    keep_newest = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=trimming.MOST_KEPT,
        label="Keep the newest",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="So many slots of each schedule.",
    )
    older_than = forms.DateTimeField(
        required=False,
        label="Or leave out what is older than",
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="In UTC, such as 2026-05-01 08:00.",
    )


@admin.register(Operation)
class OperationAdmin(pages.ConsoleAdmin):
    """What was asked of many executions at once."""

    read_permission = "executions:read"
    title = "Operations"
    empty_hint = "Cancel these, Replay these and the like above a filtered list of executions make one, and so do failure groups."
    change_form_template = "console/operation.html"
    list_display = ("since", "standing", "deed", "progress", "tenant_name", "who", "why")
    list_filter = (("state", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    actions_detail = ("pause", "resume", "pace", "active", "trim", "cancel")

    def for_list(self, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        rows = queryset.select_related("tenant").defer("conditions", "ids", "payload", "failures")
        return names.with_keys(rows, "created_by")

    @admin.display(description="Asked for")
    def since(self, operation: Operation) -> Any:
        return marks.instant(operation.created_at)

    @admin.display(description="State")
    def standing(self, operation: Operation) -> Any:
        return marks.state(operation.state)

    @admin.display(description="Does")
    def deed(self, operation: Operation) -> str:
        return operation.kind

    @admin.display(description="Done")
    def progress(self, operation: Operation) -> str:
        return _progress(operation)

    @admin.display(description="Tenant")
    def tenant_name(self, operation: Operation) -> Any:
        return marks.shortened(operation.tenant.slug, 24)

    @admin.display(description="By")
    def who(self, operation: Operation) -> Any:
        return marks.shortened(names.of_row(operation, "created_by"), 30)

    @admin.display(description="Reason")
    def why(self, operation: Operation) -> Any:
        return marks.shortened(operation.reason, 50)

    def name_of(self, row: Operation) -> str:
        return f"{row.kind} · {marks.instant_text(row.created_at)}"

    def detail(self, request: HttpRequest, row: Operation) -> dict[str, Any]:
        passed = row.done + row.failed + sum(row.left_out.values())
        return {
            "operation": row,
            "live": rules.State(row.state) not in rules.TERMINAL,
            "passed": min(passed, row.matched),
            "sentence": _progress(row),
            "explanation": wording.canary(row) or wording.OPERATION_WAITS.get(row.waits_for, "") or wording.ended(row),
            "facts": _facts(row),
            "failures": None if row.max_active is not None else _failures(row),
            "runs": _runs(row) or _first_runs(row),
        }

    def offered(self, row: Operation) -> Collection[str]:
        asked = rules.allowed_actions(rules.State(row.state), row.kind)
        if not asked:
            return ()
        paces = [] if row.kind == rules.RECOVERY else ["pace"]
        return {*asked, *paces, *(["active"] if row.max_active is not None else [])}

    @dialog(
        "Pause",
        title="Pause this operation?",
        description="It takes no further step until it is resumed. What is done stays done.",
        icon="pause",
        permission="executions:run",
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        operation = service.pause(operation=form.row)
        return self.done(request, "Paused.", self.row_url(operation.pk))

    @dialog(
        "Resume",
        title="Resume this operation?",
        description="It goes on where it was, in the name of whoever asked for it.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        operation = service.resume(operation=form.row)
        return self.done(request, "It goes on.", self.row_url(operation.pk))

    @dialog("Rate", title="How fast?", icon="speed", form=Pace, submit="Save", permission="executions:run")
    def pace(self, request: HttpRequest, form: Pace) -> HttpResponse:
        operation = service.change_pace(operation=form.row, **form.cleaned_data)
        message = f"{operation.rate_per_second:g} executions a second from now on."
        return self.done(request, message, self.row_url(operation.pk))

    @dialog(
        "In flight", title="How many at a time?", icon="speed", form=Active, submit="Save", permission="executions:run"
    )
    def active(self, request: HttpRequest, form: Active) -> HttpResponse:
        operation = service.change_pace(operation=form.row, **form.cleaned_data)
        return self.done(request, f"At most {operation.max_active} in flight from now on.", self.row_url(operation.pk))

    @dialog(
        "Trim",
        title="Leave out older slots?",
        description="What has started goes on. Older slots that have not are skipped, and say that they are no longer needed.",
        icon="content_cut",
        form=Trim,
        submit="Trim it",
        asks_why=True,
        permission="executions:run",
    )
    def trim(self, request: HttpRequest, form: Trim) -> HttpResponse:
        operation = trimming.trim(operation=form.row, **form.cleaned_data)
        return self.done(request, "Older slots are being left out.", self.row_url(operation.pk))

    @dialog(
        "Abort",
        title="Abort this operation?",
        description="It ends here. What is done stays done; what it has not come to is left as it is. "
        "What was to run at its pace and has not started is skipped.",
        icon="cancel",
        form=Aborting,
        submit="Abort it",
        variant=ActionVariant.DANGER,
        permission="executions:run",
    )
    def cancel(self, request: HttpRequest, form: Aborting) -> HttpResponse:
        operation = service.cancel(operation=form.row, **form.cleaned_data)
        return self.done(request, f"Aborted: {_progress(operation)}.", self.row_url(operation.pk))


def _progress(operation: Operation) -> str:
    matched = f"{operation.matched:,}{'+' if operation.matched_is_capped else ''}"
    word = "refused" if operation.max_active is None else "failed"
    failed = f", {operation.failed:,} {word}" if operation.failed else ""
    left_out = f", {total:,} left out" if (total := sum(operation.left_out.values())) else ""
    return f"{operation.done:,} of {matched}{failed}{left_out}"


def _facts(row: Operation) -> list[tuple[str, Any]]:
    left_out = [f"{count:,} {why}" for why, count in sorted(row.left_out.items())]
    return [
        ("Does", f"{row.kind}; the jobs that depend on them start, too" if row.with_downstream else row.kind),
        ("Reason", row.reason),
        ("Asked for by", names.called(row.created_by)),
        ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
        ("Most in flight", f"{row.max_active:,}")
        if row.max_active is not None
        else ("Executions a second", f"{row.rate_per_second:g}"),
        (
            "Executions" if row.kind == rules.RECOVERY else "Matched when asked",
            f"{row.matched:,}{', or more' if row.matched_is_capped else ''}",
        ),
        ("Done", f"{row.done:,}"),
        *_making(row),
        ("Left out", marks.joined(left_out, ", ") if left_out else "0"),
        ("Asked for", marks.instant(row.created_at)),
        ("Paused", marks.instant(row.paused_at)),
        ("Ended", marks.instant(row.finished_at)),
        ("Id", marks.code(row.pk)),
        ("About", _subject(row)),
    ]


def _subject(row: Operation) -> Any:
    if row.kind == rules.RECOVERY:
        return "slots that were missed and that their schedules' misfire policies catch up with"
    return f"{len(row.ids):,} that were named" if row.ids is not None else _about(row.filter)


def _making(row: Operation) -> list[tuple[str, Any]]:
    """Of one that paces executions, how many failed, and of one that makes them, how many it has made."""
    if row.max_active is None:
        return [("Refused", f"{row.failed:,}")]
    made = [] if row.kind == rules.RECOVERY else [("Made", f"{row.made:,}")]
    return [("Failed", f"{row.failed:,}"), *made]


def _about(asked: Any) -> Any:
    return marks.json_block(asked) if asked else "every execution that fits"


def _runs(row: Operation) -> dict[str, Any] | None:
    """The newest of the executions that keep to its pace, if it is one that paces some."""
    if row.max_active is None:
        return None
    made = Execution.objects.filter(tenant=row.tenant_id, operation_id=row.pk)
    return recent.table("Its executions", made, limit=20, empty="None yet.")


def _first_runs(row: Operation) -> dict[str, Any] | None:
    """Its canary: the first few that run again, as they stood when they were last looked at."""
    if (canary := canaries.read(row.canary)) is None:
        return None
    cells = [
        (
            marks.link(pages.page_of(Execution, run.execution), run.execution),
            marks.code(run.state) if run.state == canaries.GONE else marks.state(run.state),
            marks.link(pages.page_of(Execution, run.replay_of), run.replay_of),
        )
        for run in canary.runs
    ]
    head = {"title": f"Canary: {canary.must_succeed} of {canary.size} must succeed", "empty": "None yet."}
    return {**head, "headers": ("Execution", "State", "Runs again"), "rows": cells}


def _failures(row: Operation) -> dict[str, Any]:
    cells = [
        (
            marks.link(pages.page_of(Execution, each["execution"]), each["execution"]),
            marks.code(each["code"]),
            marks.shortened(each["message"], 120),
        )
        for each in row.failures
    ]
    title = f"Refused, the first {len(cells)}" if row.failed > len(cells) else "Refused"
    return {"title": title, "headers": ("Execution", "Code", "Why"), "rows": cells, "empty": "None."}
