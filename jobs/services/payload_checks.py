"""What is wrong with a payload, by its field: as its job type sees it, and as far as its expressions leave it open.

What an expression stands for is known only when it runs. So whatever is found wrong at such a place, or with what
is around it, is left for then; all else is told now. Whether the upstreams that it reads are there is looked at with
the job's dependencies: see :mod:`jobs.services.dependency_sets`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pydantic

from jobs.handlers import Handler
from jobs.models import Job
from jobs.rules import payload_expressions
from jobs.rules.payload_expressions import NO_EXPRESSIONS, Expressions, InvalidPayload, Place
from jobs.services import named_jobs
from tenants.models import Secret, Tenant

Problems = Mapping[str, Sequence[str]]
#: Of a payload as a type sees it; they are wrong whatever an expression beside them stands for.
_WRONG_ANYHOW = {"missing", "extra_forbidden"}


def problems(
    job: Job, handler: Handler[Any], payload: Mapping[str, Any], overridden: Collection[str] | None, path: str
) -> Problems:
    """Messages by field; empty for nothing. ``overridden`` fields hold no expressions, the others are stored (None: none of it is);
    ``path`` is what it is called."""
    try:
        whole = {*(overridden or ()), *handler.templated}
        found = payload_expressions.find(payload, whole, handler.without_secrets, handler.without_expressions)
    except InvalidPayload as error:
        return _by_field(error.problems, path)
    if wrong := _unknown(found, job.tenant):
        return _by_field(wrong, path)
    try:
        params = handler.params.model_validate(payload)
    except pydantic.ValidationError as error:
        return _by_field(_of_fields(error, payload, found), path)
    refusals = {**named_jobs.problems(job, handler, payload, overridden), **handler.refusals(params, job.tenant)}
    return {f"{path}.{field}": texts for field, texts in refusals.items() if not _is_open(field, found)}


def _unknown(expressions: Expressions, tenant: Tenant) -> list[tuple[Place, str]]:
    named = expressions.secrets
    if not named:
        return []
    known = Secret.objects.filter(tenant=tenant, name__in=named).values_list("name", flat=True)
    missing = sorted(set(named) - set(known))
    return [(named[name], f"there is no secret named {name}: make it first, or correct the name") for name in missing]


def details(error: pydantic.ValidationError, value: Any, path: str) -> dict[str, list[str]]:
    """What pydantic refuses, by the place below ``path``; no message quotes a value."""
    return _by_field(_of_fields(error, value, NO_EXPRESSIONS), path)


def _of_fields(error: pydantic.ValidationError, payload: Any, expressions: Expressions) -> list[tuple[Place, str]]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        place = _place(item["loc"], payload, missing=item["type"] == "missing")
        if place and item["type"] not in _WRONG_ANYHOW and expressions.touch(place):
            continue
        message = "unknown field" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        found.append((place, message))
    return found


def _place(location: Iterable[int | str], value: Any, *, missing: bool) -> Place:
    """The place in the payload. A location also names branches of unions, which mean nothing to the client."""
    place: Place = ()
    parts = list(location)
    for depth, part in enumerate(parts, 1):
        if isinstance(value, Mapping):
            if part in value or (missing and depth == len(parts)):
                place = (*place, part)
            value = value.get(part, value)
        elif isinstance(value, list) and isinstance(part, int):
            place, value = (*place, part), value[part]
    return place


def _is_open(field: str, expressions: Expressions) -> bool:
    """Whether a refusal, which names its field as text, concerns what an expression decides."""
    for place in expressions.templates:
        own = payload_expressions.path(place).partition(".")[2]
        if own == field or own.startswith((f"{field}.", f"{field}[")) or field.startswith((f"{own}.", f"{own}[")):
            return True
    return False


def _by_field(found: Iterable[tuple[Place, str]], path: str) -> dict[str, list[str]]:
    details: dict[str, list[str]] = {}
    for place, message in found:
        messages = details.setdefault(payload_expressions.path(place, path), [])
        if message not in messages:
            messages.append(message)
    return details
