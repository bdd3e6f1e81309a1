"""A job's definition as a form. The service checks it, payload and retry policy included, and refuses by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from unfold import widgets

from jobs import handlers
from jobs.admin import preview_panel
from jobs.models import Duplicate, Job, Overlap, Queue
from jobs.services import changes, jobs
from jobs.services.jobs import JobFields
from jobs.services.schedule_fields import ScheduleFields
from tenants.admin import forms as console_forms
from tenants.admin import throttling
from tenants.models import Tenant

_WHOLE = widgets.UnfoldAdminIntegerFieldWidget
_TEXT = widgets.UnfoldAdminTextInputWidget
_CHOICE = widgets.UnfoldAdminSelectWidget
#: What the service takes for an object: there, what is left out stays.
_MERGED = ("payload", "retry")
#: Kinds of schedule that a new job can be given here, and the field each is said in.
_KINDS = {"cron": "expression", "rrule": "rrule", "calendar": "rule"}
_BY_EXECUTORS = " (executors run it)"
#: What a change of shows another preview.
WATCHED = (*_KINDS.values(), "timezone")


def job_types() -> list[tuple[str, str]]:
    """Every registered job type."""
    known = sorted(handlers.registered().items())
    return [(name, f"{name}: {handler.title}{_BY_EXECUTORS if handler.external else ''}") for name, handler in known]


def examples() -> list[tuple[str, str, Mapping[str, Any]]]:
    """(type, what it does, a payload it takes)."""
    return [(name, handler.description, handler.example) for name, handler in sorted(handlers.registered().items())]


def _seconds(label: str, help_text: str) -> forms.FloatField:
    return forms.FloatField(
        min_value=0.1, required=False, label=label, help_text=help_text, widget=widgets.UnfoldAdminDecimalFieldWidget
    )


class Definition(throttling.Rate):
    """All that can be said of a job."""

    name = forms.CharField(max_length=200, widget=_TEXT)
    type = forms.ChoiceField(
        choices=job_types,
        widget=_CHOICE,
        help_text="Workers run it, or executors where that is said: those need a queue whose pool is external.",
    )
    payload = console_forms.JsonObjectField(
        required=False,
        help_text="What the job type is told; examples are below. Any string may hold {{ expressions }}.",
    )
    description = forms.CharField(required=False, widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    queue = forms.ModelChoiceField(Queue.objects.order_by("name"), initial="default", widget=_CHOICE)
    priority = forms.IntegerField(
        min_value=0, max_value=9, initial=5, widget=_WHOLE, help_text="0 to 9, higher first, within its tenant."
    )
    timeout_seconds = forms.FloatField(
        min_value=0.1,
        max_value=86_400,
        initial=300,
        label="Time limit, in seconds",
        widget=widgets.UnfoldAdminDecimalFieldWidget,
    )
    soft_timeout_seconds = _seconds(
        "Asked to end after, in seconds",
        "When an attempt is asked to come to an end by itself. Empty: not before its limit.",
    )
    max_wait_seconds = _seconds(
        "Longest wait, in seconds",
        "From when it is due to its first start; then it does not run any more. Empty: for ever.",
    )
    max_total_seconds = _seconds(
        "Longest of all, in seconds",
        "From its first start to its end, over all attempts. Empty: as long as those take.",
    )
    pause_after_failures = forms.IntegerField(
        min_value=1,
        max_value=1000,
        required=False,
        label="Pause after failures",
        widget=_WHOLE,
        help_text="Executions that fail one after another before the job is paused by itself. Empty: never.",
    )
    max_running = forms.IntegerField(
        min_value=1, required=False, label="Most in flight", widget=_WHOLE, help_text="Empty for no cap of its own."
    )
    concurrency_key = forms.CharField(
        max_length=200,
        required=False,
        widget=_TEXT,
        help_text="Executions of the tenant with the same key, of any job, run at most so many at once. "
        "{field} stands for the payload's field, such as customer:{customer_id}.",
    )
    max_running_per_key = forms.IntegerField(
        min_value=1,
        initial=1,
        required=False,
        label="Most in flight per key",
        widget=_WHOLE,
        help_text="Empty for one.",
    )
    key_rate_limit = forms.CharField(
        max_length=16,
        required=False,
        label="Rate per key",
        widget=_TEXT,
        help_text="Most starts of executions with the same concurrency key, such as 100/m. Empty for no limit.",
    )
    key_rate_burst = forms.IntegerField(min_value=1, required=False, label="Burst per key", widget=_WHOLE)
    dedup_key = forms.CharField(
        max_length=200,
        required=False,
        label="Deduplication key",
        widget=_TEXT,
        help_text="Requests with the same key make one execution. {field} stands for the payload's field.",
    )
    dedup_seconds = _seconds(
        "Key is taken for, in seconds", "From its request on. Empty: while its execution has not ended."
    )
    dedup_conflict = forms.ChoiceField(
        choices=Duplicate.choices,
        required=False,
        initial=Duplicate.RETURN_EXISTING,
        widget=_CHOICE,
        label="If the key is taken",
    )
    overlap = forms.ChoiceField(
        choices=Overlap.choices,
        initial=Overlap.QUEUE_ONE,
        widget=_CHOICE,
        help_text="What a due slot does while the one before it is still under way.",
    )
    retry = console_forms.JsonObjectField(
        required=False,
        label="Retry policy",
        help_text='Such as {"max_attempts": 3, "delay_seconds": 10}. Empty for the default.',
    )
    on_failure = console_forms.LinesField(
        required=False,
        label="Told of failures",
        help_text="Channels, one a line: names of secrets such as a Discord, Slack or mail connection.",
    )
    on_success = console_forms.LinesField(required=False, label="Told of successes", help_text="The same.")
    category = forms.CharField(max_length=64, required=False, widget=_TEXT)
    tags = console_forms.LinesField(required=False, help_text="One a line.")
    owner = forms.CharField(max_length=254, required=False, widget=_TEXT, help_text="Whom to ask about it.")
    field_order: tuple[str, ...] = (
        "name", "type", "payload", "description", "queue", "priority", "timeout_seconds",
        "soft_timeout_seconds", "max_wait_seconds", "max_total_seconds", "max_running", "rate_limit", "rate_burst",
        "concurrency_key", "max_running_per_key", "key_rate_limit", "key_rate_burst", "dedup_key", "dedup_seconds",
        "dedup_conflict", "overlap", "retry", "pause_after_failures",
        "on_failure", "on_success",
    )  # fmt: skip

    def clean_max_running_per_key(self) -> int:
        """One if left out."""
        return self.cleaned_data["max_running_per_key"] or 1

    def clean_dedup_conflict(self) -> str:
        """The first request's execution if left out."""
        return self.cleaned_data["dedup_conflict"] or Duplicate.RETURN_EXISTING


class NewJob(Definition):
    """A job to be, with its first schedule if it has one."""

    tenant = console_forms.tenant_field(Job)
    expression = forms.CharField(
        max_length=200,
        required=False,
        label="Cron expression",
        widget=_TEXT,
        help_text="When it runs, such as */5 * * * *; six fields begin with seconds. Empty: only when asked.",
    )
    rrule = forms.CharField(
        max_length=1000,
        required=False,
        label="Or a recurrence rule",
        widget=_TEXT,
        help_text="Of RFC 5545, counted from now, such as FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0.",
    )
    rule = console_forms.JsonObjectField(
        required=False,
        label="Or a calendar rule",
        help_text='Such as {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}.',
    )
    timezone = forms.CharField(
        max_length=64,
        required=False,
        label="Time zone of the schedule",
        widget=_TEXT,
        help_text="Such as Europe/Berlin. Empty for the tenant's default.",
    )
    timeout_seconds = forms.FloatField(
        min_value=0.1,
        max_value=86_400,
        required=False,
        label="Time limit, in seconds",
        widget=widgets.UnfoldAdminDecimalFieldWidget,
        help_text="Empty for the tenant's default.",
    )
    field_order = (
        "tenant",
        "name",
        "type",
        "payload",
        "expression",
        "rrule",
        "rule",
        "timezone",
        *Definition.field_order[3:],
    )

    def clean(self) -> dict[str, Any]:
        """One schedule at most."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        said = [name for name in _KINDS.values() if given.get(name)]
        for name in said[1:]:
            self.add_error(name, "A new job has one schedule here: leave this or the one above empty.")
        return given


def preview(form: NewJob) -> dict[str, Any]:
    """What the schedule that is being typed means, whatever else the form still lacks."""
    form.full_clean()
    given = form.cleaned_data
    for name in _KINDS.values():
        if name in form.errors:
            return {"sentence": "", "problem": f"{name}: {form.errors[name][0]}"}
    said = _first_schedule(given)
    return preview_panel.of_fields(given.get("tenant") or Tenant(), said) if said else {"sentence": "", "problem": ""}


def initial(job: Job) -> dict[str, Any]:
    """A job as the form shows it."""
    values = {name: getattr(job, name) for name in Definition.base_fields if name not in ("tags", "queue")}
    return {**values, "queue": job.queue_id, "tags": [row.tag for row in job.tag_rows.order_by("tag")]}


def create(given: dict[str, Any]) -> Job:
    """Store a new job."""
    said = _first_schedule(given)
    schedules = [cast(ScheduleFields, said)] if said else []
    # What is left empty is the tenant's default.
    fields: Any = {
        name: value for name, value in _fields(given).items() if value or name not in ("timeout_seconds", "retry")
    }
    return jobs.create(tenant=given["tenant"], fields=fields, schedules=schedules)


def _first_schedule(given: Mapping[str, Any]) -> dict[str, Any]:
    """Empty if none is said."""
    zone = {"timezone": given["timezone"]} if given.get("timezone") else {}
    for kind, name in _KINDS.items():
        if given.get(name):
            return {"kind": kind, name: given[name], **zone}
    return {}


def update(job: Job, given: dict[str, Any]) -> Job:
    """Store what was changed; what was taken out of an object is told as such."""
    fields = _fields(given)
    objects = {name: changes.patch_between(getattr(job, name), given[name]) for name in _MERGED}
    return jobs.update(job=job, fields=cast(JobFields, {**fields, **objects}))


def _fields(given: dict[str, Any]) -> JobFields:
    values = {name: given[name] for name in Definition.base_fields if name != "queue"}
    return cast(JobFields, {**values, "queue": given["queue"].pk})
