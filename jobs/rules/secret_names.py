"""Which secrets a payload names: in expressions, ``{{ secrets.name }}``, and in fields that hold a connection's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_args

import jinja2
from jinja2 import nodes
from pydantic import BaseModel

from jobs.connections.contract import Named

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WORD = "secrets"
_reader = jinja2.Environment(autoescape=False)  # noqa: S701 - it reads, and renders nothing


def of(params: type[BaseModel] | None, payload: Any) -> set[str]:
    """Every name in a payload of a job type; without the type's ``params``, those in expressions."""
    return set(_in_expressions(payload)) | (set(_in_fields(params, payload)) if params else set())


def _in_expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value and _WORD in value:
            yield from (name for text in _EXPRESSION.findall(value) for name in _named(text))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _in_expressions(key)
            yield from _in_expressions(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _in_expressions(item)


@lru_cache(maxsize=512)
def _named(expression: str) -> tuple[str, ...]:
    """``secrets.name`` and ``secrets["name"]``; nothing of what cannot be read, which is refused elsewhere."""
    try:
        tree = _reader.parse("{{" + expression + "}}")
    except jinja2.TemplateSyntaxError:
        return ()
    dotted = [node.attr for node in tree.find_all(nodes.Getattr) if _is_secrets(node.node)]
    indexed = [node.arg for node in tree.find_all(nodes.Getitem) if _is_secrets(node.node)]
    return (*dotted, *(str(arg.value) for arg in indexed if isinstance(arg, nodes.Const)))


def _is_secrets(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == _WORD


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
