"""Lists that go by key, never by offset, and are never counted.

A page costs the same however deep it lies and however much is stored, and new rows shift nothing.
``?before=<id>`` shows what is older than a row, ``?after=<id>`` what is newer.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

BEFORE, AFTER = "before", "after"


class KeysetPaginator(Paginator):  # type: ignore[type-arg]
    """One page that is already read, and the ways out of it."""

    template_name = "console/keyset_pagination.html"
    older = newer = newest = ""


class KeysetChangeList(ChangeList):  # type: ignore[misc]
    """A change list ordered by its key, the highest first."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        # Not filters, and not to be carried along when a filter is changed.
        for name in (BEFORE, AFTER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        size, before, after = self.list_per_page, request.GET.get(BEFORE), request.GET.get(AFTER)
        try:
            rows, more = _page(self.queryset, size, before, after)
        except (ValidationError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error
        self.paginator = KeysetPaginator(rows, size)
        if before or after:
            self.paginator.newest = self.get_query_string()
        if rows:
            older, newer = more
            self.paginator.older = self.get_query_string({BEFORE: rows[-1].pk}) if older else ""
            self.paginator.newer = self.get_query_string({AFTER: rows[0].pk}) if newer else ""
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = self.result_count
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)


def _page(
    queryset: QuerySet[Any], size: int, before: str | None, after: str | None
) -> tuple[list[Any], tuple[bool, bool]]:
    """A page's rows, the highest key first, and whether there are older and newer ones. One key beyond tells.

    Keys first, then the rows with all they are joined to: under row-level security the planner thinks
    that few rows pass, and would join everything before it sorts.
    """
    bare = queryset.select_related(None).values_list("pk", flat=True)
    if after is not None:
        keys = list(bare.filter(pk__gt=after).order_by("pk")[: size + 1])
        return _rows(queryset, keys[:size]), (True, len(keys) > size)
    if before is not None:
        bare = bare.filter(pk__lt=before)
    keys = list(bare[: size + 1])
    return _rows(queryset, keys[:size]), (len(keys) > size, before is not None)


def _rows(queryset: QuerySet[Any], keys: list[Any]) -> list[Any]:
    return list(queryset.filter(pk__in=keys)) if keys else []


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than a person would page."""

    CAP = 1000

    @cached_property
    def count(self) -> int:
        """How many there are, or the cap."""
        return int(self.object_list.order_by()[: self.CAP].count())  # type: ignore[attr-defined]
