"""A schedule's rule and policies as a form. The service checks them, and refuses by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.utils.dateparse import parse_datetime
from unfold import widgets

from jobs import triggers
from jobs.admin import preview_panel
from jobs.models import Misfire, Schedule
from jobs.services import changes, event_fields
from jobs.services import schedules as service
from jobs.services.schedule_fields import ScheduleFields
from jobs.triggers.contract import OWN, DstFold, DstGap
from tenants.admin import forms as console_forms

_WHOLE = widgets.UnfoldAdminIntegerFieldWidget
_TEXT = widgets.UnfoldAdminTextInputWidget
_CHOICE = widgets.UnfoldAdminSelectWidget
#: What a change of shows another preview.
WATCHED = (*OWN, "timezone", "start_at", "end_at", "dst_gap", "dst_fold", "calendars", "execution_window", "jitter_seconds", "max_runs")  # fmt: skip
#: What means nothing to a schedule that waits for events.
_OF_CLOCKS = frozenset({*event_fields.OF_CLOCKS, "dst_gap", "dst_fold", "misfire", "misfire_max"})


class InstantField(forms.CharField):
    """An instant with its offset, as the API takes it."""

    widget = _TEXT

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if not text:
            return None
        try:
            found = parse_datetime(text)
        except ValueError:
            found = None
        if found is None or found.utcoffset() is None:
            raise forms.ValidationError("must be an instant with its offset, such as 2026-03-01T09:00:00+01:00")
        return found


class ScheduleForm(forms.Form):
    """What can be said here of a schedule; of what it fires by, only what belongs to its kind."""

    expression = forms.CharField(
        max_length=200,
        widget=_TEXT,
        label="Cron expression",
        help_text="Such as 30 2 * * 1-5; six fields begin with seconds.",
    )
    interval_seconds = forms.IntegerField(min_value=1, widget=_WHOLE, label="Every so many seconds")
    run_at = InstantField(label="At", help_text="Such as 2026-03-01T09:00:00+01:00.")
    rrule = forms.CharField(
        max_length=1000,
        widget=_TEXT,
        label="Recurrence rule",
        help_text="Of RFC 5545, such as FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0, counted from Not before.",
    )
    rule = console_forms.JsonObjectField(
        label="Calendar rule", help_text='Such as {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}.'
    )
    event = forms.CharField(
        max_length=100, widget=_TEXT, label="Event", help_text="Its name, such as order.paid, or order.* for several."
    )
    event_filter = forms.CharField(
        max_length=500,
        required=False,
        widget=_TEXT,
        label="Filter",
        help_text="What its payload must be like. Empty: every such event.",
    )
    debounce_seconds = forms.IntegerField(
        min_value=0, widget=_WHOLE, label="Let events settle for, in seconds", help_text="0: each starts a run at once."
    )
    timezone = forms.CharField(max_length=64, widget=_TEXT, label="Time zone", help_text="Such as Europe/Berlin.")
    start_at = InstantField(
        required=False,
        label="Not before",
        help_text="With its offset. Empty for no beginning; an interval is counted from it.",
    )
    end_at = InstantField(required=False, label="Before", help_text="With its offset. Empty for no end.")
    dst_gap = forms.ChoiceField(
        choices=[(str(each), str(each)) for each in DstGap], widget=_CHOICE, label="A time that clocks skip"
    )
    dst_fold = forms.ChoiceField(
        choices=[(str(each), str(each)) for each in DstFold], widget=_CHOICE, label="Of a time that comes twice, run"
    )
    misfire = forms.ChoiceField(choices=Misfire.choices, widget=_CHOICE, label="Of slots that were missed, run")
    misfire_max = forms.IntegerField(min_value=1, max_value=1000, widget=_WHOLE, label="At most so many of them")
    calendars = console_forms.JsonListField(
        required=False,
        label="Calendars",
        help_text='Such as [{"calendar": "its name", "use": "exclude", "on_hit": "skip"}]. Empty for none.',
    )
    execution_window = console_forms.JsonObjectField(
        required=False,
        label="Hours in which runs may start",
        help_text='Such as {"hours": [{"days": ["mon-fri"], "from": "22:00", "until": "05:00"}], "outside": "wait"}. '
        "Empty for any hour.",
    )
    jitter_seconds = forms.IntegerField(
        min_value=0, widget=_WHOLE, label="Spread over so many seconds", help_text="0: each slot on time."
    )
    max_runs = forms.IntegerField(
        min_value=1, required=False, widget=_WHOLE, label="Runs in all", help_text="Empty for no end."
    )

    def __init__(self, schedule: Schedule, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(schedule, name) for name in self.base_fields})
        needed = triggers.needs(schedule.kind) if schedule.kind in triggers.kinds() else ""
        others = _OF_CLOCKS if event_fields.waits(schedule) else frozenset(event_fields.OF_EVENTS)
        for name in set(self.fields) & (others | set(OWN) - {needed}):
            del self.fields[name]

    def clean_execution_window(self) -> dict[str, Any] | None:
        """None if left out."""
        return self.cleaned_data["execution_window"] or None


def update(schedule: Schedule, given: Mapping[str, Any]) -> Schedule:
    """Store what was changed; what was taken out of the rule is told as such."""
    fields = dict(given)
    if "rule" in fields:
        fields["rule"] = changes.patch_between(schedule.rule or {}, fields["rule"])
    return service.update(schedule=schedule, fields=cast(ScheduleFields, fields))


def above_preview(form: ScheduleForm) -> str:
    """The field below which it stands; one that waits for events knows no clock changes."""
    return "dst_fold" if "dst_fold" in form.fields else "end_at"


def preview(schedule: Schedule, form: ScheduleForm) -> dict[str, Any]:
    """What the schedule that is being typed means."""
    form.full_clean()
    if form.errors:
        name, told = next(iter(form.errors.items()))
        return {"sentence": "", "problem": f"{name}: {told[0]}"}
    fields = {"kind": schedule.kind, **form.cleaned_data}
    return preview_panel.of_fields(schedule.tenant, fields, job=schedule.job, stored=schedule)
