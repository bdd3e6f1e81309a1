"""Lists in pages by key, never by offset: a page costs the same however deep, and new rows shift nothing."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api import parameters
from tenants.api.errors import InvalidCursor

DEFAULT_LIMIT = 50
PAGED = (
    parameters.whole("limit", 1, 200, "Most rows in a page.", default=DEFAULT_LIMIT),
    parameters.Parameter("cursor", str, "`next_cursor` of the former page."),
)


class KeysetPagination(BasePagination):
    """Orders by the view's ``keyset``, a unique column, ``-`` for descending. The cursor is the last row's key."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:  # noqa: ARG002 - DRF's signature
        limit: int = view.query.get("limit", DEFAULT_LIMIT)
        name = view.keyset.removeprefix("-")
        rows = queryset.order_by(view.keyset)
        if (cursor := view.query.get("cursor")) is not None:
            beyond = "lt" if view.keyset.startswith("-") else "gt"
            rows = rows.filter(**{f"{name}__{beyond}": _key(cursor, queryset.model._meta.get_field(name))})
        # Keys first, by the index alone: under row-level security the planner expects few rows to pass, and would
        # join and sort all of them before it takes a page.
        keys = list(rows.values_list(name, flat=True)[: limit + 1])
        self.next_cursor = _cursor(keys[limit - 1]) if len(keys) > limit else None
        return list(queryset.filter(**{f"{name}__in": keys[:limit]}).order_by(view.keyset))

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema)


def page_schema(rows: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a list."""
    cursor = {"type": ["string", "null"], "description": "Ask for the next page with it; null on the last."}
    return {"type": "object", "required": ["data", "next_cursor"], "properties": {"data": rows, "next_cursor": cursor}}


def _cursor(key: Any) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _key(cursor: str, column: Any) -> Any:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        key = column.to_python(text)
    except (binascii.Error, ValueError, ValidationError):
        raise InvalidCursor from None
    if "\0" in text or _cursor(key) != cursor:
        raise InvalidCursor
    return key
