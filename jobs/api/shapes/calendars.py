"""Calendars as JSON."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.models import Calendar, CalendarKind
from jobs.rules import ical
from jobs.rules.calendar_days import LONGEST_NOTE, MOST_ENTRIES
from jobs.services import calendar_fields, calendars
from jobs.services.calendar_fields import MOST_EXTENDED, WEEKDAYS
from tenants.api.dry_runs import DryRunShape
from tenants.api.fields import Instant, StrictSerializer


class DateInput(StrictSerializer):
    """A day, or all up to `until`; `yearly`: from that year on in each."""

    date = serializers.DateField()
    until = serializers.DateField(required=False, allow_null=True, help_text="The last day; at most a year later.")
    note = serializers.CharField(max_length=LONGEST_NOTE, required=False, allow_blank=True)
    yearly = serializers.BooleanField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        days = {name: found[name].isoformat() for name in ("date", "until") if found.get(name) is not None}
        return {**found, **days}


class CalendarChanges(StrictSerializer):
    """All that may be said of a calendar but its kind, here to change some of it."""

    example: dict[str, Any] = {"description": "When nobody is there", "weekend": ["saturday", "sunday"]}

    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    country = serializers.CharField(max_length=2, required=False, help_text="Of kind holidays: ISO 3166, such as DE.")
    subdivision = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        help_text="Of kind holidays: a part of the country, such as BY.",
    )
    dates = serializers.ListField(
        child=DateInput(), required=False, max_length=MOST_ENTRIES, help_text="Of kind dates."
    )
    ical = serializers.CharField(
        max_length=ical.MOST_BYTES, required=False, trim_whitespace=False, help_text="Of kind ical: an iCalendar file."
    )
    extends = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=MOST_EXTENDED,
        help_text="Names of calendars whose days it has too.",
    )
    weekend = serializers.ListField(
        child=serializers.ChoiceField(WEEKDAYS), required=False, max_length=7, help_text="Days without business."
    )


class CalendarInput(CalendarChanges):
    """A calendar to be."""

    example = {
        "name": "office",
        "kind": "dates",
        "dates": [{"date": "2026-12-24", "until": "2026-12-31", "note": "Works holiday", "yearly": True}],
    }

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(CalendarKind.choices, default=CalendarKind.DATES, help_text="For ever.")


class FileInput(StrictSerializer):
    """An iCalendar file."""

    example = {
        "ical": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nSUMMARY:Closed\nEND:VEVENT\nEND:VCALENDAR\n"
    }

    ical = serializers.CharField(max_length=ical.MOST_BYTES, trim_whitespace=False)


class DateShape(serializers.Serializer[Any]):
    """An entry of a calendar."""

    date = serializers.DateField()
    until = serializers.DateField(allow_null=True)
    note = serializers.CharField()
    yearly = serializers.BooleanField()


class CalendarShape(serializers.Serializer[Calendar]):
    """A calendar. `dates` are its own; `/days` has what it inherits too."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.ChoiceField(CalendarKind.choices)
    country = serializers.CharField(help_text="Empty but for holidays.")
    subdivision = serializers.CharField()
    dates = DateShape(many=True)
    extends = serializers.SerializerMethodField()
    weekend = serializers.SerializerMethodField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="What told the dates: a release of the holidays library, or an import."
    )
    allowed_actions = serializers.SerializerMethodField()
    created_at = Instant()
    updated_at = Instant()

    def get_extends(self, calendar: Calendar) -> list[str]:
        names = cast(dict[str, Any], self.context).setdefault("names", {})
        if calendar.extends and calendar.tenant_id not in names:
            names[calendar.tenant_id] = calendars.names(calendar.tenant_id)
        return list(calendar_fields.told(calendar, names.get(calendar.tenant_id, {}))["extends"])

    def get_weekend(self, calendar: Calendar) -> list[str]:
        return [WEEKDAYS[day] for day in calendar.weekend]

    def get_allowed_actions(self, calendar: Calendar) -> list[str]:
        return calendars.allowed_actions(calendar.kind)


class DayShape(serializers.Serializer[dict[str, Any]]):
    """A day of a calendar."""

    date = serializers.DateField()
    note = serializers.CharField()


class RefreshedShape(CalendarShape):
    """A calendar whose source was asked again."""

    added = serializers.SerializerMethodField(help_text="What it has now and had not.")
    removed = serializers.SerializerMethodField(help_text="What it had and has no more.")

    @extend_schema_field(DateShape(many=True))
    def get_added(self, calendar: Calendar) -> list[dict[str, Any]]:  # noqa: ARG002 - DRF's signature
        return [entry.told() for entry in self.context["added"]]

    @extend_schema_field(DateShape(many=True))
    def get_removed(self, calendar: Calendar) -> list[dict[str, Any]]:  # noqa: ARG002 - DRF's signature
        return [entry.told() for entry in self.context["removed"]]


class CalendarDryRunShape(DryRunShape):
    """What a request would make of a calendar."""

    calendar = CalendarShape(allow_null=True)
