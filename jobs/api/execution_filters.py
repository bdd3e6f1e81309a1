"""Filters of ``GET /executions`` in a body: the same words, read by the same declarations.

    {"state": ["failed", "cancelled"], "job": "nightly", "created_at[gte]": "-2h"}

A value is a text, or a list of texts where the parameter may be repeated. ``-2h`` is so long before now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from jobs.api import lookups
from jobs.api.lists import executions as lists
from jobs.services.operations import Wanted
from tenants import errors
from tenants.api import parameters, ways
from tenants.api.errors import UnknownParameter
from tenants.api.parameters import Parameter
from tenants.models import Tenant
from tenants.rules import instants

#: A filter is stored and listed with its operation; nothing that it compares with is longer.
LONGEST = 500
#: Those of the list's parameters that choose rows for good: a search finds other rows as messages change.
CHOOSING = tuple(each for each in lists.FILTERS if each.name not in ("order_by", "expand", "q"))


def read(tenant: Tenant, given: Mapping[str, Any], now: datetime) -> Wanted:
    """What ``given`` asks for, frozen: relative instants made absolute, a job's name its id."""
    known = {parameter.name: parameter for parameter in CHOOSING}
    texts = {name: _texts(name, value) for name, value in given.items()}
    sent = {name: [_absolute(known.get(name), text, now) for text in each] for name, each in texts.items()}
    values = _parsed(sent)
    if "job" in values:
        sent["job"] = values["job"] = _jobs(tenant, values["job"])
    chosen = lists.wanted(tenant, values, CHOOSING, lists.ORDERS["created_at"], {})
    asked = {name: each if known[name].repeatable else each[0] for name, each in sent.items()}
    return Wanted(conditions=_conditions(chosen), asked=asked)


def _jobs(tenant: Tenant, names_or_ids: list[str]) -> list[str]:
    found = [lookups.job_ids(tenant, [text]) for text in names_or_ids]
    if not all(found):
        raise errors.invalid({"filter.job": ["there is no such job here"]})
    return [str(each[0]) for each in found]


def _conditions(chosen: ways.Wanted) -> dict[str, Any]:
    """For ``filter()``; what must hold of ids is said once, since pages begin and end by it."""
    found: dict[str, Any] = {f"{column}__in": values for column, values in chosen.equal.items()}
    if len(chosen.equal.get("job_id", ())) == 1:
        found["job_id"] = found.pop("job_id__in")[0]
    bounds = list(_compared(chosen.bounds))
    for lookup, tightest in (("id__gte", max), ("id__lt", min)):
        if ends := [value for name, value in bounds if name == lookup]:
            found[lookup] = tightest(ends)
    return {**found, "rest": chosen.rest} if chosen.rest else found


def _compared(condition: Q) -> Iterator[tuple[str, Any]]:
    """What a condition whose parts must all hold compares."""
    for each in condition.children:
        if isinstance(each, Q):
            yield from _compared(each)
        else:
            name, value = each  # type: ignore[misc]
            yield name, value


def _texts(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise errors.invalid({f"filter.{name}": ["must be a text, or a list of texts"]})
    if any(len(text) > LONGEST for text in texts):
        raise errors.invalid({f"filter.{name}": [f"must have at most {LONGEST} characters"]})
    return texts


def _absolute(parameter: Parameter | None, text: str, now: datetime) -> str:
    if parameter is None or parameter.schema.get("format") != "date-time":
        return text
    instant = instants.before(text, now)
    return text if instant is None else instant.isoformat().replace("+00:00", "Z")


def _parsed(sent: Mapping[str, list[str]]) -> dict[str, Any]:
    query = QueryDict(mutable=True)
    for name, each in sent.items():
        query.setlist(name, each)
    if "tenant" in sent:
        raise errors.invalid({"filter.tenant": ["unknown filter"]})
    try:
        return parameters.parse(query, CHOOSING)
    except UnknownParameter as error:
        known = ", ".join(sorted(parameter.name for parameter in CHOOSING))
        raise errors.invalid(
            {f"filter.{name}": [f"unknown filter; known are {known}"] for name in error.details}
        ) from None
    except ValidationError as error:
        details: Any = error.detail
        raise errors.invalid(
            {f"filter.{name}": [str(text) for text in each] for name, each in details.items()}
        ) from None
