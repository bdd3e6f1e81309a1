"""Dead letters: exhausted executions, to run again or let go, one by one or many at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs.admin.again_form import Again
from jobs.models import DeadLetter, DeadLetterState, Execution
from jobs.services import dead_letters as service
from tenants import marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog, together
from tenants.errors import ServiceError
from tenants.requests import LONGEST_REASON

CONFIRMED = "confirmed"
_SAMPLE = 5


class Redriving(Again):
    """Of a dead letter's execution."""

    def former(self) -> Execution | None:
        return Execution.objects.select_related("job").filter(pk=self.row.execution_id).first()


@admin.register(DeadLetter)
class DeadLetterAdmin(pages.ConsoleAdmin):
    """What failed for good."""

    read_permission = "executions:read"
    title = "Dead letters"
    empty_hint = "An execution whose every attempt failed lands here and waits until somebody decides."
    list_display = ("since", "standing", "job_name", "tenant_name", "error_code", "message")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("job", AutocompleteSelectFilter),
    )
    actions = ("redrive_chosen", "discard_chosen")
    actions_detail = ("redrive", "discard")
    list_disable_select_all = True

    def for_list(self, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        return queryset.select_related("job", "tenant").defer("job__payload", "job__retry")

    @admin.display(description="Since")
    def since(self, letter: DeadLetter) -> Any:
        return marks.instant(letter.created_at)

    @admin.display(description="State")
    def standing(self, letter: DeadLetter) -> Any:
        return marks.state(letter.state)

    @admin.display(description="Job")
    def job_name(self, letter: DeadLetter) -> Any:
        return pages.link_to(letter.job, marks.shortened(letter.job.name, 40))

    @admin.display(description="Tenant")
    def tenant_name(self, letter: DeadLetter) -> Any:
        return marks.shortened(letter.tenant.slug, 24)

    @admin.display(description="Message")
    def message(self, letter: DeadLetter) -> Any:
        return marks.shortened(letter.error_message, 60)

    def name_of(self, row: DeadLetter) -> str:
        return f"{row.job.name} · {row.error_code}"

    def detail(self, request: HttpRequest, row: DeadLetter) -> dict[str, Any]:
        run = marks.link(pages.page_of(Execution, row.execution_id), row.execution_id)
        again = (
            marks.link(pages.page_of(Execution, row.redriven_as), row.redriven_as) if row.redriven_as else marks.NOTHING
        )
        facts = [
            ("State", marks.state(row.state)),
            ("Job", pages.link_to(row.job, row.job.name)),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
            ("Execution", run),
            ("Since", marks.instant(row.created_at)),
            ("Error", marks.code(row.error_code)),
            ("Fingerprint", _kind(row)),
            ("Redriven as", again),
            ("Closed", marks.instant(row.closed_at)),
            ("Closed by", names.called(row.closed_by)),
            ("Note", marks.shortened(row.note, LONGEST_REASON) if row.note else marks.NOTHING),
            ("Message", marks.text_block(row.error_message)),
        ]
        return {"facts": facts}

    def offered(self, row: DeadLetter) -> Collection[str]:
        return service.allowed_actions(row.state)

    @dialog(
        "Redrive",
        title="Run it again?",
        description="Replays its execution with the job's newest revision, and closes this.",
        icon="replay",
        form=Redriving,
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def redrive(self, request: HttpRequest, form: Redriving) -> HttpResponse:
        _, execution = service.redrive(dead_letter=form.row, **form.cleaned_data)
        return self.done(request, "Runs again, as this new execution.", pages.page_of(Execution, execution.pk))

    @dialog(
        "Discard",
        title="Let it go?",
        description="Closes this without running anything. The execution stays in the list.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="executions:run",
    )
    def discard(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        letter = service.discard(dead_letter=form.row)
        return self.done(request, "Discarded.", self.row_url(letter.pk))

    @together("Redrive: run them again", permission="executions:run")
    def redrive_chosen(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._together(request, queryset, "redrive", lambda letter: service.redrive(dead_letter=letter))

    @together("Discard: let them go", permission="executions:run")
    def discard_chosen(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._together(request, queryset, "discard", lambda letter: service.discard(dead_letter=letter))

    def _together(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter], verb: str, act: Callable[[DeadLetter], Any]
    ) -> HttpResponse | None:
        """Ask first, with count and sample; then act on each open one, and say how many were refused and why."""
        letters = list(chosen.filter(state=DeadLetterState.OPEN).select_related("job", "tenant"))
        if CONFIRMED not in request.POST:
            return self._asked(request, letters, verb)
        refused: list[str] = []
        for letter in letters:
            try:
                act(letter)
            except ServiceError as error:
                refused.append(f"{letter.job.name}: {error}")
        messages.success(request, f"{verb}: {len(letters) - len(refused)} of {len(letters)} done.")
        if refused:
            messages.error(request, f"{len(refused)} refused, such as {refused[0]}")
        return None

    def _asked(self, request: HttpRequest, letters: list[DeadLetter], verb: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Are you sure?",
            "crumbs": [(self.title, self.list_url()), (verb.capitalize(), "")],
            "letters": letters,
            "sample": letters[:_SAMPLE],
            "left": max(0, len(letters) - _SAMPLE),
            "verb": verb,
            "checkbox": ACTION_CHECKBOX_NAME,
            "confirmed": CONFIRMED,
            "back": request.get_full_path(),
        }
        return render(request, "console/dead_letters.html", context)


def _kind(letter: DeadLetter) -> Any:
    """Its fingerprint, which leads to all failures of the tenant by their kind."""
    if not letter.error_fingerprint:
        return marks.NOTHING
    query = urlencode({"tenant": str(letter.tenant_id), "job": str(letter.job_id)})
    return marks.link(f"{reverse('admin:jobs_execution_failures')}?{query}", letter.error_fingerprint)
