"""Which secrets a payload names: in expressions, ``{{ secrets.name }}``, and in fields that hold a connection's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from jobs.connections.contract import Named
from jobs.rules import templates
from jobs.rules.payload_expressions import Place
from jobs.rules.templates import InvalidTemplate

#: Where, which, and the kinds that are taken there.
_Use = tuple[Place, str, tuple[str, ...]]


def of(params: type[BaseModel] | None, payload: Any) -> set[str]:
    """Every name in a payload of a job type; without the type's ``params``, those in expressions."""
    return set(_in_expressions(payload)) | (
        {name for _, name, _ in _in_fields(params, payload, ())} if params else set()
    )


def connections(params: type[BaseModel], payload: Any) -> dict[Place, tuple[str, Sequence[str]]]:
    """The names in fields that hold a connection's, each with the kinds that are taken there: none for any.

    Of what branches of a union take there, each is taken.
    """
    found: dict[Place, tuple[str, Sequence[str]]] = {}
    for place, name, kinds in _in_fields(params, payload, ()):
        taken = found[place][1] if place in found else kinds
        found[place] = (name, [*dict.fromkeys((*taken, *kinds))] if taken and kinds else ())
    return found


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


def _in_fields(params: type[BaseModel], payload: Any, place: Place) -> Iterator[_Use]:
    if not isinstance(payload, Mapping):
        return
    for own, field in params.model_fields.items():
        name = field.alias or own
        value = payload.get(name)
        if value is not None:
            yield from _below([field.annotation, *field.metadata], value, (*place, name))


def _below(annotations: Sequence[Any], value: Any, place: Place) -> Iterator[_Use]:
    """What a value of such a type names, however deep: unions, lists, dictionaries and models inside models."""
    if mark := next((part for part in annotations if isinstance(part, Named)), None):
        items = _items(value, place) if isinstance(value, list) else [(place, value)]
        yield from ((where, item, mark.kinds) for where, item in items if isinstance(item, str))
        return
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _in_fields(annotation, value, place)
        elif inside := get_args(annotation):
            for where, item in _items(value, place):
                yield from _below(inside, item, where)


def _items(value: Any, place: Place) -> list[tuple[Place, Any]]:
    """A container's items; a model's mapping and a plain value are their own."""
    if isinstance(value, list):
        return [((*place, index), item) for index, item in enumerate(value)]
    inside = value.items() if isinstance(value, Mapping) else ()
    return [(place, value), *(((*place, str(key)), item) for key, item in inside)]
