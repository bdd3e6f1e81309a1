"""Lists in pages by key, never by offset: a page costs the same however deep, and new rows shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api import parameters, walks
from tenants.api.errors import InvalidCursor, OtherOrder
from tenants.api.parameters import Parameter
from tenants.api.walks import Key, Order

DEFAULT_LIMIT = 50


def _capped(sent: str) -> str:
    if sent != "capped":
        raise ValueError("must be capped: nothing is counted to the end")
    return sent


PAGED = (
    parameters.whole("limit", 1, 200, "Most rows in a page.", default=DEFAULT_LIMIT),
    Parameter("cursor", str, "`next_cursor` of the former page."),
    parameters.words("fields", "Only these fields of each row, such as `id,state,job.name`."),
    Parameter(
        "count",
        _capped,
        f"`capped`: also count, up to {walks.MOST:,}. `count_is_capped` says that there may be more.",
        schema={"type": "string", "enum": ["capped"]},
    ),
)


def ordered(orders: Mapping[str, Order], default: str) -> Parameter:
    """Which of the orders a list can have."""
    names = [sign + name for name in orders for sign in ("-", "")]

    def read(sent: str) -> Order:
        if sent not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return turned(orders, sent)

    schema = {"type": "string", "enum": names, "default": default}
    return Parameter("order_by", read, "`-` for descending.", schema=schema)


def turned(orders: Mapping[str, Order], name: str) -> Order:
    """The order that is meant by a name, ``-`` for descending."""
    order = orders[name.removeprefix("-")]
    return Order(name, order.columns, name.startswith("-"), order.partial)


class KeysetPagination(BasePagination):
    """A page of the view's :meth:`listing`. The cursor is the list's order and the key to go on after."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:  # noqa: ARG002 - DRF's signature
        listing, query = view.listing(), view.query
        order = listing.order(query)
        ways, cursor = listing.ways(view, order), query.get("cursor")
        after = None if cursor is None else _key(cursor, order, queryset)
        limit = query.get("limit", DEFAULT_LIMIT)
        # Keys first, by indexes alone: under row-level security the planner expects few rows to pass, and would
        # join and sort all of them before it takes a page.
        most = listing.most_looked_at(query)
        page = walks.walk(queryset, ways, order, after=after, limit=limit, most=most)
        self.answer: dict[str, Any] = {"next_cursor": _cursor(order, page.following)}
        if "count" in query:
            count, is_capped = walks.count(queryset, ways, order, most=most)
            self.answer |= {"count": count, "count_is_capped": is_capped}
        keys = [key[-1] for key in page.keys]
        found = dict(listing.page(queryset, keys, order.columns[-1], view.asked)) if keys else {}
        return [found[key] for key in keys if key in found]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, **self.answer})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema)


def page_schema(rows: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a list."""
    properties = {
        "data": rows,
        "next_cursor": {"type": ["string", "null"], "description": "Ask for the next page with it; null on the last."},
        "count": {"type": "integer", "description": "With `count=capped`: how many there are, or at least."},
        "count_is_capped": {"type": "boolean", "description": "With `count=capped`: whether there may be more."},
    }
    return {"type": "object", "required": ["data", "next_cursor"], "properties": properties}


def _cursor(order: Order, key: Key | None) -> str | None:
    if key is None:
        return None
    text = json.dumps([order.name, *map(_told, key)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _key(cursor: str, order: Order, rows: QuerySet[Any]) -> Key:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        name, *told = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidCursor from None
    if name != order.name:
        raise OtherOrder if isinstance(name, str) else InvalidCursor
    if len(told) != len(order.columns):
        raise InvalidCursor
    key = tuple(_read(rows, column, value) for column, value in zip(order.columns, told, strict=True))
    if _cursor(order, key) != cursor:
        raise InvalidCursor
    return key


def _read(rows: QuerySet[Any], column: str, told: Any) -> Any:
    annotation = rows.query.annotations.get(column)
    field = annotation.output_field if annotation is not None else rows.model._meta.get_field(column)
    try:
        told.encode()  # half a character is no text
        key = field.to_python(told)
    except (AttributeError, ValidationError, ValueError, OverflowError):
        raise InvalidCursor from None
    if "\0" in told or (isinstance(key, datetime) and key.utcoffset() != timedelta()):
        raise InvalidCursor
    return key
