"""Events that came in: what each started, and which schedules it passed by and why."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from jobs.admin import wording
from jobs.models import Execution, Hook, ReceivedEvent, Schedule
from jobs.rules.event_outcomes import KEPT_FOR, WORDS, LeftOut
from tenants import actors, marks, names
from tenants.admin import pages

_SENTENCES = {
    "started": "Runs were started by it.",
    "left_out": "Schedules wait for such events, and none of them took this one: see below why.",
    "unmatched": "No schedule waits for an event of this name, so nothing started.",
    "duplicate": "Its key was seen before, so nothing more started.",
    "refused": "It was not let in, so nothing started.",
}


@admin.register(ReceivedEvent)
class ReceivedEventAdmin(pages.ConsoleAdmin):
    """Kept for days; the payloads are with the executions."""

    read_permission = "executions:read"
    title = "Events"
    has_trail = False
    empty_hint = (
        f"What comes in at POST /events and through hooks is listed here for {KEPT_FOR.days} days, "
        "with what it started and what it did not."
    )
    change_form_template = "console/received_event.html"
    list_display = ("called", "outcome_mark", "amounts", "sender_name", "tenant", "at")
    list_filter = (("outcome", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    search_fields = ("=name",)
    search_help_text = "The whole name"
    extra_lookups = ("name", "hook_id")
    actions_detail: tuple[str, ...] = ()

    def for_list(self, queryset: QuerySet[ReceivedEvent]) -> QuerySet[ReceivedEvent]:
        return names.with_keys(queryset.select_related("tenant"), "sender")

    @admin.display(description="Event")
    def called(self, event: ReceivedEvent) -> Any:
        return marks.code(event.name)

    @admin.display(description="Outcome")
    def outcome_mark(self, event: ReceivedEvent) -> Any:
        return marks.state(event.outcome)

    @admin.display(description="Started, left out")
    def amounts(self, event: ReceivedEvent) -> Any:
        return marks.shortened(event.problem, 60) if event.problem else f"{len(event.started)}, {len(event.left_out)}"

    @admin.display(description="From")
    def sender_name(self, event: ReceivedEvent) -> Any:
        return marks.shortened(names.of_row(event, "sender"), 40)

    @admin.display(description="Received")
    def at(self, event: ReceivedEvent) -> Any:
        return marks.instant(event.received_at)

    def name_of(self, row: ReceivedEvent) -> str:
        return f"{row.name} · {row.received_at:%Y-%m-%d %H:%M:%S} UTC"

    def detail(self, request: HttpRequest, row: ReceivedEvent) -> dict[str, Any]:
        facts = [
            ("Outcome", marks.state(row.outcome)),
            ("Event", marks.code(row.name)),
            ("From", names.called(row.sender)),
            ("Through the hook", _hook(row)),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Received", marks.instant(row.received_at)),
            ("Its key", marks.code(row.dedup_key) if row.dedup_key else marks.NOTHING),
            ("First event with this key", _first(row)),
            ("Payload", f"{row.payload_size} characters; it is with the executions"),
            ("Request", marks.code(row.request_id) if row.request_id else marks.NOTHING),
            ("Id", marks.code(row.pk)),
        ]
        sentence = _SENTENCES[row.outcome] + (f" {row.problem[:1].upper()}{row.problem[1:]}." if row.problem else "")
        return {"facts": facts, "sentence": sentence, "started": _started(row), "left_out": _left_out(row)}

    def offered(self, row: ReceivedEvent) -> Collection[str]:
        return ()


def table(title: str, events: QuerySet[ReceivedEvent], *, limit: int, empty: str) -> dict[str, Any]:
    """The newest of some events, for the page of what they came through or are for."""
    rows = [
        (
            pages.link_to(event, f"{event.received_at:%Y-%m-%d %H:%M:%S} UTC"),
            marks.state(event.outcome),
            f"{len(event.started)}, {len(event.left_out)}",
            _why(event),
        )
        for event in events.order_by("-pk")[:limit]
    ]
    return {
        "title": title,
        "headers": ("Received", "Outcome", "Started, left out", "Why"),
        "rows": rows,
        "empty": empty,
    }


def _why(event: ReceivedEvent) -> Any:
    """The reason beside an outcome, as far as it is short."""
    if event.problem:
        return marks.shortened(event.problem, 80)
    reasons = dict.fromkeys(WORDS[LeftOut(left["reason"])] for left in event.left_out)
    return marks.shortened("; ".join(reasons), 80) if reasons else marks.NOTHING


def _hook(row: ReceivedEvent) -> Any:
    if row.hook_id is None:
        return marks.NOTHING
    hook = Hook.objects.filter(pk=row.hook_id).first()
    return pages.link_to(hook, hook.name) if hook else "deleted since"


def _first(row: ReceivedEvent) -> Any:
    if row.duplicate_of is None:
        return marks.NOTHING
    return marks.link(reverse("admin:jobs_receivedevent_change", args=[row.duplicate_of]), str(row.duplicate_of))


def _schedule(entry: dict[str, Any]) -> Any:
    return marks.link(pages.page_of(Schedule, entry["schedule"]), entry["job_name"])


def _started(row: ReceivedEvent) -> dict[str, Any]:
    rows = [
        (
            _schedule(entry),
            marks.link(pages.page_of(Execution, entry["execution"]), entry["execution"]),
            "waited already: now with this payload" if entry["debounced"] else "made",
        )
        for entry in row.started
    ]
    return {"title": "Started", "headers": ("Schedule of", "Execution", ""), "rows": rows, "empty": "Nothing."}


def _detail(entry: dict[str, str]) -> str:
    """Why a filter could not be computed names parts of the payload."""
    if entry["reason"] == LeftOut.FILTER_FAILED and not actors.may("payloads:read"):
        return wording.WITHHELD
    return entry["detail"]


def _left_out(row: ReceivedEvent) -> dict[str, Any]:
    rows = [
        (_schedule(entry), WORDS[LeftOut(entry["reason"])], marks.code(detail) if (detail := _detail(entry)) else "")
        for entry in row.left_out
    ]
    return {"title": "Left out", "headers": ("Schedule of", "Why", "Detail"), "rows": rows, "empty": "None."}
