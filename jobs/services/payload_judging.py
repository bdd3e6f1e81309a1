"""What is wrong with a payload as its job type sees it, as far as its expressions leave it open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pydantic

from jobs.handlers import Handler
from jobs.models import Job
from jobs.rules import payload_expressions, payload_words, secret_names
from jobs.rules.payload_expressions import NO_EXPRESSIONS, Expressions, Place
from jobs.services import named_secrets

Problems = Mapping[str, Sequence[str]]
#: Of a payload as a type sees it; they are wrong whatever an expression beside them stands for.
_WRONG_ANYHOW = {"missing", "extra_forbidden"}


def problems(
    job: Job,
    handler: Handler[Any],
    payload: Mapping[str, Any],
    expressions: Expressions,
    path: str,
    *,
    kept: Collection[str] = (),
    judged: Collection[str] | None = None,
) -> Problems:
    """Messages by field; empty for nothing. The connections of ``kept`` fields are taken as they are; of a payload that is
    another's for the rest, only the ``judged`` fields are looked at."""
    if wrong := _within(judged, _misnamed(job, handler, payload, expressions, kept)):
        return by_field(wrong, path)
    try:
        params = handler.params.model_validate(payload)
    except pydantic.ValidationError as error:
        return by_field(_within(judged, _of_fields(error, handler.params, payload, expressions)), path)
    refused = handler.refusals(params, job.tenant)
    return {
        f"{path}.{field}": texts
        for field, texts in refused.items()
        if not is_open(field, expressions) and (judged is None or field.partition(".")[0] in judged)
    }


def details(
    error: pydantic.ValidationError, value: Any, path: str, model: type[pydantic.BaseModel]
) -> dict[str, list[str]]:
    """What pydantic refuses, by the place below ``path``; no message quotes a value."""
    return by_field(_of_fields(error, model, value, NO_EXPRESSIONS), path)


def by_field(found: Iterable[tuple[Place, str]], path: str) -> dict[str, list[str]]:
    """Messages by the fields' paths, each once."""
    details: dict[str, list[str]] = {}
    for place, message in found:
        messages = details.setdefault(payload_expressions.path(place, path), [])
        if message not in messages:
            messages.append(message)
    return details


def _within(judged: Collection[str] | None, found: Iterable[tuple[Place, str]]) -> list[tuple[Place, str]]:
    return [(place, text) for place, text in found if judged is None or not place or place[0] in judged]


def _misnamed(
    job: Job, handler: Handler[Any], payload: Mapping[str, Any], expressions: Expressions, kept: Collection[str]
) -> list[tuple[Place, str]]:
    """Secrets that are not there, or are no such connections. A place where an expression stands is left for then."""
    used = secret_names.connections(handler.params, {name: payload[name] for name in payload if name not in kept})
    named: list[tuple[Place, str, Sequence[str] | None]] = [
        *((place, name, named_secrets.ANY) for name, place in sorted(expressions.secrets.items())),
        *((place, *use) for place, use in used.items() if not expressions.touch(place)),
    ]
    known = named_secrets.kinds(job.tenant_id, {name for _, name, _ in named})
    refusals = ((place, named_secrets.refusal(name, known, taken)) for place, name, taken in named)
    return [(place, message) for place, message in refusals if message]


def _of_fields(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], payload: Any, expressions: Expressions
) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    formed: set[Place] = set()
    for item in error.errors(include_url=False, include_input=False):
        place = _place(item["loc"], payload, missing=item["type"] == "missing")
        if place and item["type"] not in _WRONG_ANYHOW and expressions.touch(place):
            continue
        if item["type"] == "string_pattern_mismatch":  # says what the text must be: of branches for other types no word
            formed.add(place)
            found = [each for each in found if each[0] != place]
        elif place in formed:
            continue
        found.append((place, payload_words.told(item, model)))
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


def is_open(field: str, expressions: Expressions) -> bool:
    """Whether a refusal, which names its field as text, concerns what an expression decides."""
    for place in expressions.templates:
        own = payload_expressions.path(place).partition(".")[2]
        if own == field or own.startswith((f"{field}.", f"{field}[")) or field.startswith((f"{own}.", f"{own}[")):
            return True
    return False
