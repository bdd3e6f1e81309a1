"""``expand=attempts``: what belongs to rows comes along in `expanded`, for a page in one query each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rest_framework.renderers import JSONRenderer

from tenants import actors, errors
from tenants.api.parameters import Parameter, words

#: Bytes that may come along with a page: what belongs to many rows is told with each.
MOST_ADDED = 32 * 1024 * 1024

#: Given a page's rows and the serializers' context: JSON by the row's key. A row without has null.
Load = Callable[[Sequence[Any], Mapping[str, Any]], Mapping[Any, Any]]


@dataclass(frozen=True, slots=True)
class Expansion:
    """Something that can come along; ``scope`` is what reading it takes."""

    scope: str
    load: Load


class Expandable(Protocol):
    """What this asks of views."""

    query: dict[str, Any]

    def get_serializer_context(self) -> Mapping[str, Any]: ...


def parameter(known: Mapping[str, Expansion]) -> Parameter:
    """What may come along."""
    named = words("expand", f"Comes along in `expanded`: {', '.join(f'`{name}`' for name in known)}.")

    def read(sent: str) -> list[str]:
        names: list[str] = named.read(sent)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"unknown: {', '.join(unknown)}; known here: {', '.join(known)}")
        return names

    return Parameter(named.name, read, named.description, repeatable=True)


def added(
    view: Expandable, known: Mapping[str, Expansion], rows: Sequence[Any], data: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The same with what `expand` asks for."""
    wanted = dict.fromkeys(name for names in view.query.get("expand", ()) for name in names)
    if not wanted:
        return data
    for name in wanted:
        actors.require(known[name].scope)
    context = view.get_serializer_context()
    found = {name: known[name].load(rows, context) if rows else {} for name in wanted}
    _refuse_too_large(found, rows)
    return [
        {**shown, "expanded": {name: found[name].get(row.pk) for name in wanted}}
        for row, shown in zip(rows, data, strict=True)
    ]


def _refuse_too_large(found: Mapping[str, Mapping[Any, Any]], rows: Sequence[Any]) -> None:
    for name, values in found.items():
        added = [values.get(row.pk) for row in rows]
        each = {id(value): value for value in added}
        lengths = {key: len(JSONRenderer().render(value)) for key, value in each.items()}
        if sum(lengths[id(value)] for value in added) > MOST_ADDED:
            message = f"{name} would add more than {MOST_ADDED // 1024**2} MiB to this page: ask for a lower limit"
            raise errors.Invalid.about("expand", message)
