"""What a validator refuses, in words that say what to do: the nearest field's name, the form of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from jobs import written_forms
from tenants.rules import unknown_fields


def told(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One of pydantic's, about such a model. It quotes no value."""
    match error["type"]:
        case "extra_forbidden":
            *way, name = error["loc"]
            return unknown_fields.told(str(name), _known([model], way))
        case "string_pattern_mismatch":
            return written_forms.told(error["ctx"]["pattern"])
    return str(error["msg"]).removeprefix("Value error, ")


def _known(models: Iterable[type[BaseModel]], way: Sequence[Any]) -> set[str]:
    """The fields at a place below these models. What names no field on the way is an index, a key or a branch."""
    here = list(models)
    for part in way:
        fields = [field for each in here if (field := _fields(each).get(part)) is not None]
        if fields:
            here = [model for field in fields for model in _models(field.annotation)]
        else:
            here = [each for each in here if each.__name__ == part] or here
    return {name for each in here for name in _fields(each)}


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or own: field for own, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in get_args(annotation):
        yield from _models(inside)
