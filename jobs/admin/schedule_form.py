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
from jobs.services import schedules as service
from jobs.services.schedule_fields import ScheduleFields
from jobs.triggers.contract import OWN, DstFold, DstGap

_WHOLE = widgets.UnfoldAdminIntegerFieldWidget
_TEXT = widgets.UnfoldAdminTextInputWidget
_CHOICE = widgets.UnfoldAdminSelectWidget
#: What a change of shows another preview.
WATCHED = ("expression", "interval_seconds", "run_at", "timezone", "start_at", "end_at", "dst_gap", "dst_fold", "jitter_seconds", "max_runs")  # fmt: skip


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
    max_runs = forms.IntegerField(
        min_value=1, required=False, widget=_WHOLE, label="Runs in all", help_text="Empty for no end."
    )

    def __init__(self, schedule: Schedule, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(schedule, name) for name in self.base_fields})
        needed = triggers.needs(schedule.kind) if schedule.kind in triggers.kinds() else ""
        for name in set(OWN) & set(self.fields) - {needed}:
            del self.fields[name]


def update(schedule: Schedule, given: Mapping[str, Any]) -> Schedule:
    """Store what was changed."""
    return service.update(schedule=schedule, fields=cast(ScheduleFields, dict(given)))


def preview(schedule: Schedule, form: ScheduleForm) -> dict[str, Any]:
    """What the schedule that is being typed means."""
    form.full_clean()
    if form.errors:
        name, told = next(iter(form.errors.items()))
        return {"sentence": "", "problem": f"{name}: {told[0]}"}
    return preview_panel.of_fields(schedule.tenant, {"kind": schedule.kind, **form.cleaned_data}, job=schedule.job)
