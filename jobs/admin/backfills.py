"""Slots whose time has passed: run one that was skipped, or many as a backfill, which is counted before it starts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from unfold import widgets

from jobs.admin import again_form, wording
from jobs.models import Execution, Operation, Schedule
from jobs.rules import background
from jobs.rules.backfills import Order, Which
from jobs.rules.slots import Slot
from jobs.services import backfills
from jobs.services.backfills import Preview, Wish
from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog

_TEXT = widgets.UnfoldAdminTextInputWidget
_CHOICE = widgets.UnfoldAdminSelectWidget
_WHICH = {
    Which.MISSING: "Missing: nothing ran for them",
    Which.FAILED: "Failed: their newest run failed",
    Which.ALL: "All, also those that ran",
}
_ORDERS = {Order.OLDEST: "The oldest first", Order.NEWEST: "The newest first"}
_INTRO = "Runs slots whose time has passed, a few at a time and behind all that is live. They are counted before anything starts."


class Anyway(Dialog):
    """Which slot, of a row that stands for many, and what to change for this one run."""

    scheduled_for = forms.DateTimeField(
        required=False, label="Slot", widget=_TEXT, help_text="Of a row that stands for many: one of them, in UTC."
    )
    payload = console_forms.JsonObjectField(
        required=False, label="Payload overrides", help_text="A JSON object; goes over the schedule's, key by key."
    )
    with_downstream = again_form.with_downstream()

    def __init__(self, row: Execution, data: Any = None) -> None:
        super().__init__(row, data)
        if not row.folded_count:
            del self.fields["scheduled_for"]


class Asked(forms.Form):
    """Which slots, how, and why. ``counted``: those that the last page told of, which alone may start."""

    since = forms.DateTimeField(label="From", widget=_TEXT, help_text="UTC, such as 2026-01-31 02:30; included.")
    until = forms.DateTimeField(label="Until", widget=_TEXT, help_text="UTC; not included, and not ahead.")
    which = forms.ChoiceField(choices=[*_WHICH.items()], label="Slots", widget=_CHOICE)
    order = forms.ChoiceField(choices=[*_ORDERS.items()], label="Order", widget=_CHOICE)
    max_active = forms.IntegerField(
        min_value=1, max_value=background.MOST_ACTIVE, initial=background.USUAL_ACTIVE, label="Most in flight",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    payload = console_forms.JsonObjectField(
        required=False, label="Payload overrides", help_text="A JSON object; goes over the schedule's, key by key."
    )
    with_downstream = again_form.with_downstream()
    reason = forms.CharField(
        required=False, max_length=500, label="Reason", help_text="For the audit trail.", widget=_TEXT
    )
    counted = forms.CharField(required=False, widget=forms.HiddenInput)


def run_skipped(form: Anyway) -> Execution:
    """Have the slot run that the dialog names."""
    given = form.cleaned_data
    return backfills.run_skipped(
        execution=form.row,
        scheduled_for=given.get("scheduled_for"),
        payload=given["payload"] or None,
        with_downstream=given["with_downstream"],
    )


class WithBackfills:
    """For the :class:`tenants.admin.pages.ConsoleAdmin` of schedules, whose ``button_permissions`` name ``backfill``."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.backfill_view)
        own = path("<path:object_id>/backfill/", view, name="jobs_schedule_backfill")
        return [own, *super().get_urls()]  # type: ignore[misc]

    def backfill_view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, count, and start what was counted."""
        needed = self.needs("backfill")
        self.require_look()
        self.require(needed)
        schedule = self.row(request, object_id)
        if schedule is None:
            return self.gone(request, object_id)  # type: ignore[no-any-return]
        return _page(self, request, schedule)


def may_backfill(schedule: Schedule) -> bool:
    """Whether its page leads there."""
    return schedule.state != "deleted" and actors.may("executions:run", tenant=schedule.tenant_id)


def _page(page: Any, request: HttpRequest, schedule: Schedule) -> HttpResponse:
    back = page.row_url(schedule.pk)
    context: dict[str, Any] = {
        "title": "Run slots that have passed", "intro": _INTRO, "back": back, "submit": "Count them",
        "crumbs": [(page.title, page.list_url()), (page.name_of(schedule), back), ("Backfill", "")],
    }  # fmt: skip

    def go_on(given: dict[str, Any]) -> str | HttpResponse:
        wish = _wish(schedule, given)
        counted = f"{wish.since} {wish.until} {wish.which} {wish.order} {wish.max_active} {wish.with_downstream}"
        if given["counted"] == counted:
            return pages.page_of(Operation, backfills.create(wish=wish, reason=given["reason"]).pk)
        found = backfills.preview(wish=wish)
        again = Asked({**request.POST.dict(), "counted": counted})
        again.errors.clear()
        told = (
            {"table": _table(schedule, found), "submit": _start(found)}
            if found.matched
            else {"table": _table(schedule, found)}
        )
        shown = {**admin.site.each_context(request), **context, **told, "form": again, "here": _here()}
        return render(request, "console/form.html", shown)

    return console_forms.page(request, Asked(request.POST or None), carry_out=go_on, context=context)


def _here() -> str:
    tenant = actors.current().tenant
    return str(tenant.pk) if tenant else ""


def _wish(schedule: Schedule, given: dict[str, Any]) -> Wish:
    return Wish(
        schedule=schedule, since=given["since"], until=given["until"], which=Which(given["which"]),
        order=Order(given["order"]), max_active=given["max_active"], payload=given["payload"] or None,
        with_downstream=given["with_downstream"],
    )  # fmt: skip


def _start(found: Preview) -> str:
    return f"Run {found.matched:,}{' or more' if found.is_capped else ''}"


def _table(schedule: Schedule, found: Preview) -> dict[str, Any]:
    looked = f", of which {found.examined:,} were looked at" if found.is_capped else ""
    stands = ", ".join(f"{many:,} {state}" for state, many in sorted(found.by_state.items()))
    rows: Collection[tuple[Any, Any]] = [
        ("Slots", f"{found.slots:,}{looked}"),
        ("As they stand", stands or "none"),
        ("Would run", f"{found.matched:,}{' or more' if found.is_capped else ''}"),
        ("First and last slot", marks.joined((_slot(found.first), _slot(found.last)), " – ")),
        ("Takes about", "nobody knows yet" if found.estimate_seconds is None else marks.length(found.estimate_seconds)),
    ]
    return {"title": f"{wording.rule(schedule)}, {schedule.timezone}", "headers": ("", ""), "rows": rows, "empty": ""}


def _slot(slot: Slot | None) -> Any:
    at: datetime | None = slot.at if slot else None
    return marks.instant(at)
