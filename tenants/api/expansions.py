"""``expand=attempts``: what belongs to rows comes along in `expanded`, for a page in one query each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tenants import actors
from tenants.api.parameters import Parameter, words

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
    return [
        {**shown, "expanded": {name: found[name].get(row.pk) for name in wanted}}
        for row, shown in zip(rows, data, strict=True)
    ]
