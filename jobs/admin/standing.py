"""The filter by state of what is never removed, only marked as deleted."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter


class StandingFilter(ChoicesDropdownFilter):  # type: ignore[misc]
    """By state; deleted ones only when asked for."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset.exclude(state="deleted")
        rows: QuerySet[Any] = super().queryset(request, queryset)
        return rows
