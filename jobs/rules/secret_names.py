"""Which secrets a payload names: in expressions, ``{{ secrets.name }}``, and in fields that hold a connection's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from jobs.connections.contract import Named
from jobs.rules import templates
from jobs.rules.templates import InvalidTemplate


def of(params: type[BaseModel] | None, payload: Any) -> set[str]:
    """Every name in a payload of a job type; without the type's ``params``, those in expressions."""
    return set(_in_expressions(payload)) | (set(_in_fields(params, payload)) if params else set())


def _in_expressions(value: Any) -> Iterator[str]:
    """Of what cannot be read nothing is named: it is refused elsewhere, or is data."""
    if isinstance(value, str):
        with contextlib.suppress(InvalidTemplate):
            template = templates.parse(value)
            yield from (name for each in template.expressions for name in each.secrets) if template else ()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _in_expressions(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _in_expressions(item)


def _in_fields(params: type[BaseModel], payload: Any) -> Iterator[str]:
    if not isinstance(payload, Mapping):
        return
    for name, field in params.model_fields.items():
        value = payload.get(field.alias or name)
        if value is not None:
            yield from _below([field.annotation, *field.metadata], value)


def _below(annotations: Sequence[Any], value: Any) -> Iterator[str]:
    """What a value of such a type names, however deep: unions, lists, dictionaries and models inside models."""
    if any(isinstance(part, Named) for part in annotations):
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
        return
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _in_fields(annotation, value)
        elif inside := get_args(annotation):
            for item in _items(value):
                yield from _below(inside, item)


def _items(value: Any) -> list[Any]:
    """A container's items; a model's mapping and a plain value are their own."""
    if isinstance(value, list):
        return value
    return [value, *value.values()] if isinstance(value, Mapping) else [value]
