"""What the audit page is narrowed by: each is exact, so that an index finds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter
from unfold.contrib.filters.forms import SearchForm
from unfold.widgets import INPUT_CLASSES

from tenants.rules import ids
from tenants.services import audit_export


class Actor(TextFilter):  # type: ignore[misc]
    """By one actor."""

    title = "actor"
    parameter_name = "actor"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.parameter_name: self.value().strip()}) if self.value() else queryset


class Action(Actor):
    """What was done."""

    title = "action"
    parameter_name = "action"


class Kind(Actor):
    """To which kind of object."""

    title = "object type"
    parameter_name = "object_type"


class _Day(forms.Form):
    def __init__(self, name: str, label: str, **options: Any) -> None:
        super().__init__(**options)
        attributes = {"type": "date", "class": " ".join(INPUT_CLASSES)}
        self.fields[name] = forms.CharField(label=label, required=False, widget=forms.TextInput(attrs=attributes))


class From(TextFilter):  # type: ignore[misc]
    """From the beginning of a day on, in UTC."""

    title = "first day (UTC)"
    parameter_name = "from"
    form_class: type[SearchForm] = _Day

    def day(self) -> datetime | None:
        """What was typed."""
        try:
            return datetime.strptime(self.value(), "%Y-%m-%d").replace(tzinfo=UTC) if self.value() else None
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        day = self.day()
        # Rows are ordered by their ids, which begin with their instant.
        return queryset.filter(at__gte=day, pk__gte=ids.floor_id(day - audit_export.APART)) if day else queryset


class Until(From):
    """To the end of a day, in UTC."""

    title = "last day (UTC)"
    parameter_name = "until"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (day := self.day()) is None:
            return queryset
        end = day + timedelta(days=1)
        return queryset.filter(at__lt=end, pk__lt=ids.floor_id(end + audit_export.APART))
