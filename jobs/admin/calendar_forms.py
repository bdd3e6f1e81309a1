"""What an operator fills in of a calendar. Dates are lines: a day, or two with .. between them, then a note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from unfold import widgets

from jobs.models import Calendar, CalendarKind
from jobs.rules.calendar_days import MOST_ENTRIES
from jobs.services import calendars
from jobs.services.calendar_fields import OWN, WEEKDAYS, CalendarFields
from tenants.admin import forms as console_forms
from tenants.admin.dialogs import Dialog

_TEXT = widgets.UnfoldAdminTextInputWidget
_LONG = widgets.UnfoldAdminTextareaWidget
_YEARLY = "yearly"


class DatesField(forms.CharField):
    """Entries, one a line, as people write them."""

    def __init__(self, **options: Any) -> None:
        words = "One a line: 2026-12-24 Christmas Eve, or 2026-12-24..2026-12-31 yearly Works holiday."
        super().__init__(required=False, widget=_LONG(attrs={"rows": 8}), help_text=words, **options)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        lines = [line.strip() for line in str(super().clean(value) or "").splitlines()]
        return [_entry(line) for line in lines[: MOST_ENTRIES * 2] if line]


def _entry(line: str) -> dict[str, Any]:
    days, _, note = line.partition(" ")
    start, _, until = days.partition("..")
    again, _, rest = note.strip().partition(" ")
    yearly = again == _YEARLY
    return {"date": start, "until": until or None, "note": rest if yearly else note.strip(), "yearly": yearly}


def as_lines(dates: list[Mapping[str, Any]]) -> str:
    """Entries as they are typed."""
    return "\n".join(
        " ".join(
            part
            for part in (
                f"{each['date']}..{each['until']}" if each["until"] else each["date"],
                _YEARLY if each["yearly"] else "",
                each["note"],
            )
            if part
        )
        for each in dates
    )


class Fields(forms.Form):
    """What is asked of each."""

    name = forms.CharField(max_length=100, widget=_TEXT, help_text="Schedules name it so.")
    description = forms.CharField(max_length=500, required=False, widget=_TEXT)
    country = forms.CharField(max_length=2, required=False, widget=_TEXT, help_text="ISO 3166, such as DE.")
    subdivision = forms.CharField(max_length=32, required=False, widget=_TEXT, help_text="Such as BY; empty for none.")
    dates = DatesField()
    ical = forms.CharField(required=False, label="iCalendar file", widget=_LONG(attrs={"rows": 8}), strip=False)
    extends = console_forms.LinesField(
        required=False, label="Has also the days of", help_text="Names of other calendars, one a line."
    )
    weekend = forms.MultipleChoiceField(
        choices=[(day, day.capitalize()) for day in WEEKDAYS],
        required=False,
        initial=["saturday", "sunday"],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Days without business, to which nothing is moved.",
    )


class NewCalendar(Fields):
    """A calendar to be."""

    tenant = console_forms.tenant_field(Calendar)
    kind = forms.ChoiceField(
        choices=[
            (CalendarKind.HOLIDAYS.value, "holidays: public ones of a country"),
            (CalendarKind.DATES.value, "dates: of your own"),
            (CalendarKind.ICAL.value, "ical: from a file"),
        ],
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="It cannot be changed later. Fill in what belongs to it: country, dates or file.",
    )
    field_order = ("tenant", "kind", "name", "description", "country", "subdivision", "dates", "ical")


class Edited(Dialog, Fields):
    """All but its kind."""

    def __init__(self, row: Calendar, data: Any = None) -> None:
        super().__init__(row, data)
        for other in (frozenset().union(*OWN.values()) - OWN[row.kind]) | {"ical"}:
            self.fields.pop(other, None)
        names = calendars.names(row.tenant_id)
        self.initial = {
            "name": row.name,
            "description": row.description,
            "country": row.country,
            "subdivision": row.subdivision,
            "dates": as_lines(row.dates),
            "extends": [names[pk] for pk in names if str(pk) in row.extends],
            "weekend": [WEEKDAYS[day] for day in row.weekend],
        }


class Imported(Dialog):
    """A file."""

    ical = forms.CharField(label="iCalendar file", widget=_LONG(attrs={"rows": 10}), strip=False)


def fields_of(given: Mapping[str, Any]) -> CalendarFields:
    """What was filled in, as the service takes it: what was left empty of another kind is left out."""
    kind = given.get("kind")
    own = OWN[kind] if kind else frozenset(given)
    others = frozenset().union(*OWN.values()) - own
    return cast(CalendarFields, {name: value for name, value in given.items() if name not in others or value})
