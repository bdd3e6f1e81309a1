"""The same done to all executions of a filtered list: count and first ones are shown, a reason is asked, an operation starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from unfold import widgets

from jobs.admin import again_form, recent, wording
from jobs.models import Job, Operation, TriggerKind
from jobs.rules import canaries, states
from jobs.rules import operations as rules
from jobs.services import operations
from jobs.services.operation_kinds import OVER_EXECUTIONS
from jobs.services.operations import Preview, Wanted
from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.models import Tenant

#: What stands in a list's address beside filters; the tenant is told by itself.
_NO_FILTERS = {"action", "o", "p", "e", "before", "after", "tenant__id__exact"}
_SINCE = "created_at[gte]"
ACTIONS = {"cancel": "Cancel", "skip": "Skip", "replay": "Replay", "redrive": "Redrive"}
_NOTES = {
    "cancel": "What waits is cancelled at once; what runs is asked to stop. Executions made from now on are not touched.",
    "skip": "What waits will not run, and keeps your reason. What runs goes on. Executions made from now on are not touched.",
    "replay": "Each becomes a new execution of its job's newest revision. One that was replayed before, by anybody, is left out.",
    "redrive": "As a replay, and the dead letter of each is closed. One whose dead letter somebody has closed is left out.",
}
#: What runs something.
_AGAIN = {"replay", "redrive"}


class Asked(forms.Form):
    """Why, and how fast."""

    reason = forms.CharField(
        max_length=500, label="Reason", help_text="For the audit trail.", widget=widgets.UnfoldAdminTextInputWidget
    )
    rate_per_second = forms.FloatField(
        min_value=rules.SLOWEST,
        max_value=rules.FASTEST,
        initial=f"{rules.USUAL:g}",
        label="Executions a second",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class AskedAgain(Asked):
    """The same, and what to change."""

    payload = console_forms.JsonObjectField(
        required=False, label="Payload overrides", help_text="A JSON object; goes over the former overrides of each."
    )
    canary = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=canaries.MOST,
        label="Run so many first",
        help_text="The rest follows once they have succeeded; else the operation pauses itself. Empty: all at once.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )
    canary_must_succeed = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=canaries.MOST,
        label="How many of those must succeed",
        help_text="All if left empty.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )
    with_downstream = again_form.with_downstream()


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a list's address an operation can take over."""

    wanted: Wanted
    tenant: Tenant | None

    @property
    def is_empty(self) -> bool:
        """Whether it names nothing."""
        return not self.wanted.asked


def offered(query: Mapping[str, str]) -> list[str]:
    """What may be done to all that a list shows: nothing to one that is not filtered, or by what no operation knows."""
    asked = _asked(query)
    if not asked or not actors.may("executions:run"):
        return []
    states = asked.get("state", [])
    return [action for action in ACTIONS if set(states) <= set(OVER_EXECUTIONS[action].states)]


def read(query: Mapping[str, str]) -> Filter:
    """The list's filters as an operation's."""
    asked = _asked(query) or {}
    conditions: dict[str, Any] = {}
    if "state" in asked:
        conditions["state__in"] = asked["state"]
    if "trigger" in asked:
        conditions["trigger__in"] = asked["trigger"]
    if _SINCE in asked:
        since = timezone.now() - timedelta(hours=asked[_SINCE])
        asked[_SINCE] = since.isoformat().replace("+00:00", "Z")
        conditions["id__gte"] = recent.floor(since, timedelta())
    job = Job.objects.filter(pk=asked["job"]).select_related("tenant").first() if "job" in asked else None
    if "job" in asked:
        conditions["job_id"] = UUID(asked["job"])  # also of one that is not to be seen here: then there is nothing
    return Filter(Wanted(conditions=conditions, asked=asked), _tenant(query, job))


def _asked(query: Mapping[str, str]) -> dict[str, Any] | None:
    """In the API's words, a window as its hours; None where the list shows less than they could say."""
    asked: dict[str, Any] = {}
    for name in (name for name in query if query[name] and name not in _NO_FILTERS):
        told = _told(query, name)
        if not told:
            return None
        if "state" in told and "state" in asked:
            told["state"] = sorted({*told["state"]} & {*asked["state"]})
        if _SINCE in told and _SINCE in asked:
            told[_SINCE] = min(told[_SINCE], asked[_SINCE])
        asked |= told
    return None if asked.get("state") == [] else asked


def _told(query: Mapping[str, str], name: str) -> dict[str, Any]:
    """One filter of the address; nothing where the list does not take its value, or no operation knows it."""
    value = query[name]
    if name == "state__exact" and value in set(states.State):
        return {"state": [value]}
    if name == "trigger__exact" and value in TriggerKind.values:
        return {"trigger": [value]}
    if name == recent.Since.parameter_name and value in recent.WINDOWS:
        return {_SINCE: int(value)}
    if name == recent.Troubled.parameter_name and value in recent.WINDOWS:
        return {_SINCE: int(value), "state": sorted(recent.TROUBLED)}
    job = id_in(query, "job__id__exact")
    return {"job": str(job)} if job is not None and name == "job__id__exact" else {}


def id_in(query: Mapping[str, str], name: str) -> UUID | None:
    """An id that an address names."""
    try:
        return UUID(query.get(name, ""))
    except ValueError:
        return None


def _tenant(query: Mapping[str, str], job: Job | None) -> Tenant | None:
    named = id_in(query, "tenant__id__exact")
    if (here := actors.current().tenant) is not None:
        return here if named in (None, here.pk) else None
    if named is not None:
        return Tenant.objects.filter(pk=named).first()
    return job.tenant if job is not None else None


def view(page: Any, request: HttpRequest) -> HttpResponse:
    """Ask; and start what is posted."""
    action = request.GET.get("action", "cancel")
    found, back = read(request.GET), page.list_url() + _without_action(request.GET)
    if action not in offered(request.GET) or found.tenant is None:
        return refused(page, request, _why_not(found, request.GET), back)
    tenant = found.tenant
    preview = operations.preview(tenant=tenant, kind=action, wanted=found.wanted)
    form = (AskedAgain if action in _AGAIN else Asked)(request.POST or None)
    count = counted(preview.matched, preview.is_capped)
    title = f"{ACTIONS[action]} {count} execution{'' if preview.matched == 1 else 's'}?"
    context = {
        "title": title, "crumbs": [(page.title, back), (ACTIONS[action], "")], "intro": _NOTES[action], "back": back,
        "submit": f"{ACTIONS[action]} {count}", "table": sample(preview),
    }  # fmt: skip

    def start(given: dict[str, Any]) -> str:
        return pages.page_of(Operation, operations.create(tenant=tenant, kind=action, wanted=found.wanted, **given).pk)

    return console_forms.page(request, form, carry_out=start, context=context)


def refused(page: Any, request: HttpRequest, why: str, back: str) -> HttpResponse:
    """Say what is missing, with the way back."""
    context = {
        **page.admin_site.each_context(request), "title": "Nothing chosen", "crumbs": [(page.title, back)], "why": why, "back": back,
    }  # fmt: skip
    return render(request, "console/not_chosen.html", context)


def _why_not(found: Filter, query: Mapping[str, str]) -> str:
    if found.is_empty:
        return "Filter the list first, by state, time, trigger or job: what it shows then is done at once."
    if found.tenant is None:
        return "Choose a tenant, in the header or by the filter: an operation belongs to one."
    return f"None of what is in state {query.get('state__exact')} can be treated like that."


def counted(matched: int, is_capped: bool) -> str:
    """A count, or what is known of it."""
    return f"{matched:,}{' or more' if is_capped else ''}"


def sample(preview: Preview) -> dict[str, Any]:
    """The first executions that an operation would come to, as a table of a page."""
    cells = [
        (
            pages.link_to(row, marks.instant(wording.instant_of(row))),
            marks.state(row.state),
            marks.shortened(row.job.name, 40),
            wording.why(row),
        )
        for row in preview.sample
    ]
    more = preview.matched - len(cells)
    count = counted(preview.matched, preview.is_capped)
    title = f"{count} just now, the first of them" if more else f"{count} just now"
    return {
        "title": title,
        "headers": ("For", "State", "Job", "Why"),
        "rows": cells,
        "empty": "Nothing matches just now.",
    }


def _without_action(query: QueryDict) -> str:
    kept = query.copy()
    kept.pop("action", None)
    return f"?{kept.urlencode()}" if kept else ""


def links(query: QueryDict) -> list[tuple[str, str]]:
    """(word, query of the page that asks) for the buttons above the list."""
    found = []
    for action in offered(query):
        chosen = query.copy()
        for name in ("before", "after", "e", "p"):
            chosen.pop(name, None)
        chosen["action"] = action
        found.append((f"{ACTIONS[action]} these", f"?{chosen.urlencode()}"))
    return found
