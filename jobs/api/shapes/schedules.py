"""Schedules as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from django.db.models import Manager
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs import previews
from jobs.api import fires
from jobs.api.shapes import schedule_unions  # noqa: F401 - describes these
from jobs.api.shapes.payloads import Guarded
from jobs.engine.calendars import Calendars
from jobs.models import Misfire, Schedule, ScheduleState
from jobs.rules import calendar_names
from jobs.rules.calendar_names import Use
from jobs.rules.calendars import OnHit
from jobs.services import schedules
from tenants.api.fields import Instant, Number, Object, Patch, StrictSerializer

MOST_IN_A_BATCH = 100
_WINDOW = (
    'Hours of the week, in its time zone, in which its runs may start, such as {"hours": [{"days": ["mon-fri"], '
    '"from": "22:00", "until": "05:00"}], "outside": "wait"}. A slot outside waits, or is skipped ("skip").'
)


class CalendarUseInput(StrictSerializer):
    """A calendar of a schedule, and what becomes of slots on days that it hits."""

    calendar = serializers.CharField(max_length=calendar_names.LONGEST_NAME, help_text="Its name.")
    use = serializers.ChoiceField(
        [str(use) for use in Use], required=False, help_text="exclude hits its days; include hits all others."
    )
    on_hit = serializers.ChoiceField(
        [str(on_hit) for on_hit in OnHit],
        required=False,
        help_text="Of such a slot: skip, or which day it is moved to.",
    )


class RuleInput(StrictSerializer):
    """When something fires. Which fields are needed depends on ``kind``; :mod:`jobs.triggers` judges them."""

    kind = serializers.CharField(
        max_length=16, help_text="cron, interval, once, rrule, calendar, event, …: see docs/schedules.md."
    )
    expression = serializers.CharField(max_length=200, required=False, allow_null=True, allow_blank=True)
    interval_seconds = serializers.IntegerField(required=False, allow_null=True)
    run_at = Instant(required=False, allow_null=True)
    rrule = serializers.CharField(max_length=1000, required=False, allow_null=True, allow_blank=True)
    rule = Object(required=False, allow_null=True)
    event = serializers.CharField(max_length=100, required=False, allow_null=True, allow_blank=True)
    timezone = serializers.CharField(max_length=64, required=False, help_text="IANA name; UTC if left out.")
    start_at = Instant(required=False, allow_null=True)
    end_at = Instant(required=False, allow_null=True)
    dst_gap = serializers.CharField(max_length=16, required=False, help_text="run_after_gap or skip.")
    dst_fold = serializers.CharField(max_length=16, required=False, help_text="first, second or both.")
    calendars = serializers.ListField(child=CalendarUseInput(), max_length=calendar_names.MOST, required=False)


class ScheduleChanges(Patch, RuleInput):
    """All that may be said of a schedule, here to change some of it. Objects are merged; null is the default."""

    example = {"timezone": "Europe/Berlin", "misfire": "skip"}

    event_filter = serializers.CharField(
        max_length=500,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Of kind event: an expression over event that comes to yes or no, such as event.payload.total > 100.",
    )
    debounce_seconds = serializers.IntegerField(
        min_value=0,
        max_value=86_400,
        required=False,
        help_text="Of kind event: events this close together make one run, which has the last one's payload.",
    )
    execution_window = Object(required=False, allow_null=True, help_text=_WINDOW)
    jitter_seconds = serializers.IntegerField(
        min_value=0, max_value=86_400, required=False, help_text="A run starts up to so long after its slot."
    )
    max_runs = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, help_text="With that many runs it ends."
    )
    misfire = serializers.ChoiceField(Misfire.choices, required=False)
    misfire_max = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    misfire_grace_seconds = Number(min_value=0, max_value=86_400, required=False)
    catch_up_window_seconds = Number(min_value=0, required=False)
    payload = Object(
        required=False, allow_null=True, help_text="Overrides of the job's payload. Data: a {{ in it is literal."
    )


class ScheduleInput(ScheduleChanges):
    """A schedule to be, inside its job."""


class PreviewInput(ScheduleInput):
    """A schedule to try out, stored or not. What it leaves out is the tenant's default."""

    example = {"kind": "cron", "expression": "0 2 * * *", "timezone": "Europe/Berlin"}

    job = serializers.CharField(
        max_length=200, required=False, help_text="Id or name of a job, whose last runs say how long it takes."
    )
    after = Instant(required=False, help_text="Now if left out.")
    count = serializers.IntegerField(min_value=1, max_value=100, default=5)


class NewScheduleInput(ScheduleInput):
    """A schedule to be, for a job that exists."""

    job = serializers.CharField(max_length=200, help_text="Id or name.")


class SchedulesInput(StrictSerializer):
    """Schedules to be: all of them, or none."""

    example = {"schedules": [{"job": "nightly dummy", "kind": "once", "run_at": "2199-01-31T09:00:00Z"}]}

    schedules = serializers.ListField(child=NewScheduleInput(), min_length=1, max_length=MOST_IN_A_BATCH)


@extend_schema_field({"type": ["string", "null"]})
class Unset(serializers.Field[str, None, "str | None", Any]):
    """A text that is empty in the database where a schedule has none."""

    def to_representation(self, value: str) -> str | None:
        return value or None


class CalendarUseShape(serializers.Serializer[Any]):
    """A calendar of a schedule."""

    calendar = serializers.CharField()
    use = serializers.ChoiceField([str(use) for use in Use])
    on_hit = serializers.ChoiceField([str(on_hit) for on_hit in OnHit])

    def to_representation(self, stored: Any) -> dict[str, Any]:
        """With what somebody has left out who wrote it into the database by hand."""
        return super().to_representation({"use": str(Use.EXCLUDE), "on_hit": str(OnHit.SKIP), **stored})


class Page(serializers.ListSerializer[Any]):
    """Rows that show schedules: the calendars of all are looked up at once, for what tells of them."""

    def to_representation(self, data: Any) -> list[Any]:
        rows = list(data.all() if isinstance(data, Manager) else data)
        calendars_of(self.context).know(schedule for row in rows for schedule in self._schedules(row))
        return super().to_representation(rows)

    def _schedules(self, row: Any) -> Iterable[Schedule]:
        shown: Any = self.child
        if "schedules" not in shown.fields:
            return [row] if "sentence" in shown.fields else ()
        return (
            cast("Iterable[Schedule]", row.schedules.all())
            if "sentence" in shown.fields["schedules"].child.fields
            else ()
        )


def calendars_of(context: Any) -> Calendars:
    """What has been looked up for an answer."""
    found: Calendars = context.setdefault("calendars", Calendars())
    return found


class ScheduleShape(serializers.Serializer[Schedule]):
    """A schedule as it is stored."""

    class Meta:
        list_serializer_class = Page

    id = serializers.UUIDField()
    job = serializers.UUIDField(source="job_id")
    kind = serializers.CharField()
    expression = Unset()
    interval_seconds = serializers.IntegerField(allow_null=True)
    run_at = Instant(allow_null=True)
    rrule = Unset()
    rule = serializers.JSONField()
    event = Unset()
    event_filter = Unset()
    debounce_seconds = serializers.IntegerField()
    timezone = serializers.CharField()
    start_at = Instant(allow_null=True)
    end_at = Instant(allow_null=True)
    dst_gap = serializers.CharField()
    dst_fold = serializers.CharField()
    calendars = CalendarUseShape(many=True)
    execution_window = serializers.JSONField()
    jitter_seconds = serializers.IntegerField()
    max_runs = serializers.IntegerField(allow_null=True)
    runs = serializers.IntegerField(
        help_text="How many of its slots were made to run; of kind event, counted while max_runs is set."
    )
    misfire = serializers.ChoiceField(Misfire.choices)
    misfire_max = serializers.IntegerField()
    misfire_grace_seconds = serializers.FloatField()
    catch_up_window_seconds = serializers.FloatField()
    payload = Guarded()
    sentence = serializers.SerializerMethodField(help_text="In plain English; empty if its rule is not understood.")
    state = serializers.ChoiceField(ScheduleState.choices)
    problem = serializers.CharField(help_text="Why it is invalid.")
    next_run_at = serializers.SerializerMethodField(help_text="Null while it or its job is held.")
    allowed_actions = serializers.SerializerMethodField()
    created_at = Instant()
    updated_at = Instant()

    def get_sentence(self, schedule: Schedule) -> str:
        return previews.sentence(schedule, calendars_of(self.context))

    @extend_schema_field(Instant(allow_null=True))
    def get_next_run_at(self, schedule: Schedule) -> str | None:
        if schedule.next_run_at is None or {schedule.state, schedule.job.state} != {"active"}:
            return None
        return Instant().to_representation(schedule.next_run_at)

    def get_allowed_actions(self, schedule: Schedule) -> list[str]:
        return schedules.allowed_actions(schedule.state)


@extend_schema_field(OpenApiTypes.DATETIME)
class LocalTime(serializers.Field[datetime, str, str, Any]):
    """An instant on a clock of its own; DRF's field would turn it into UTC."""

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class FireShape(serializers.Serializer[dict[str, Any]]):
    """One slot to come."""

    at = Instant()
    local = LocalTime(read_only=True, help_text="The same instant on the schedule's clock.")
    starts_at = Instant(
        allow_null=True, help_text="From when on its run may start: after its jitter, in its window. Null if not known."
    )
    note = serializers.ChoiceField(
        fires.NOTES,
        allow_null=True,
        help_text="A clock change touches it, its execution window is closed then, a maintenance window open, or a tag paused.",
    )


class SlotShape(FireShape):
    """One slot of a preview."""

    offset = serializers.CharField(help_text="Of its clock from UTC, such as +02:00.")


class UpcomingShape(FireShape):
    """One run of a job to come."""

    schedule = serializers.UUIDField()
