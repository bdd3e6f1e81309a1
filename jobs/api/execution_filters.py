"""Filters of ``GET /executions`` in a body: the same words, read by the same declarations.

    {"state": ["failed", "cancelled"], "job": "nightly", "created_at[gte]": "-2h"}

A value is a text, or a list of texts where the parameter may be repeated. ``-2h`` is so long before now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from jobs.api import lookups
from jobs.services.operations import Wanted
from tenants import errors
from tenants.api import parameters
from tenants.api.errors import UnknownParameter
from tenants.api.parameters import Parameter
from tenants.models import Tenant
from tenants.rules import instants


def of(declared: Collection[Parameter]) -> list[Parameter]:
    """Those of a list's parameters that choose rows."""
    return [parameter for parameter in declared if parameter.lookup or parameter is lookups.JOB]


def read(tenant: Tenant, given: Mapping[str, Any], declared: Collection[Parameter], now: datetime) -> Wanted:
    """What ``given`` asks for, frozen: relative instants made absolute, a job's name its id."""
    known = {parameter.name: parameter for parameter in of(declared)}
    texts = {name: _texts(name, value) for name, value in given.items()}
    sent = {name: [_absolute(known.get(name), text, now) for text in each] for name, each in texts.items()}
    values = _parsed(sent, known.values())
    conditions = parameters.conditions(values, known.values())
    if "job" in values:
        conditions["job_id"] = lookups.job_id(tenant, values["job"])
        if conditions["job_id"] is None:
            raise errors.invalid({"filter.job": ["there is no such job here"]})
        sent["job"] = [str(conditions["job_id"])]
    asked = {name: each if known[name].repeatable else each[0] for name, each in sent.items()}
    return Wanted(conditions=conditions, asked=asked)


def _texts(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise errors.invalid({f"filter.{name}": ["must be a text, or a list of texts"]})
    return texts


def _absolute(parameter: Parameter | None, text: str, now: datetime) -> str:
    if parameter is None or parameter.schema.get("format") != "date-time":
        return text
    instant = instants.before(text, now)
    return text if instant is None else instant.isoformat().replace("+00:00", "Z")


def _parsed(sent: Mapping[str, list[str]], declared: Collection[Parameter]) -> dict[str, Any]:
    query = QueryDict(mutable=True)
    for name, each in sent.items():
        query.setlist(name, each)
    if "tenant" in sent:
        raise errors.invalid({"filter.tenant": ["unknown filter"]})
    try:
        return parameters.parse(query, declared)
    except UnknownParameter as error:
        known = ", ".join(sorted(parameter.name for parameter in declared))
        raise errors.invalid(
            {f"filter.{name}": [f"unknown filter; known are {known}"] for name in error.details}
        ) from None
    except ValidationError as error:
        details: Any = error.detail
        raise errors.invalid(
            {f"filter.{name}": [str(text) for text in each] for name, each in details.items()}
        ) from None
