"""``fields=id,state,job.name``: rows of only what was asked for. What nobody asks for is not worked out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import UnionType
from typing import Any, get_args, get_type_hints, is_typeddict

from rest_framework.fields import SerializerMethodField
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from tenants.api.errors import UnknownField

#: By field of a row, what is asked of it; empty for all of it.
Names = Mapping[str, frozenset[str]]


def asked(shape: type[BaseSerializer[Any]], sent: Iterable[Iterable[str]]) -> Names:
    """What the parameter asks for.

    Raises:
        UnknownField: one that the rows do not have.
    """
    known = _known(shape())
    found: dict[str, frozenset[str]] = {}
    unknown = []
    for name in (name for names in sent for name in names):
        field, dot, inner = name.partition(".")
        if field not in known or (dot and inner not in known[field]):
            unknown.append(name)
            continue
        whole = not dot or found.get(field) == frozenset()
        found[field] = frozenset() if whole else found.get(field, frozenset()) | {inner}
    if unknown:
        names = ", ".join(f"{name}{{.{','.join(sorted(below))}}}" if below else name for name, below in known.items())
        message = f"fields: unknown field {', '.join(unknown)}; known here: {names}"
        raise UnknownField(message, details={"fields": [f"unknown field {name}" for name in unknown]})
    return found


def shown(
    shape: type[BaseSerializer[Any]], rows: Iterable[Any], names: Names | None, context: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows as JSON; with ``names`` only of those."""
    serializer: Any = shape(rows, many=True, context=dict(context))
    if names is None:
        return list(serializer.data)
    _keep(serializer.child, names)
    for field, below in names.items():
        inner: Any = serializer.child.fields[field]
        if below and isinstance(inner, Serializer | ListSerializer):
            _keep(getattr(inner, "child", inner), below)
    return [_cut(row, names) for row in serializer.data]


def _keep(serializer: Any, names: Collection[str]) -> None:
    for name in [name for name in serializer.fields if name not in names]:
        del serializer.fields[name]


def _cut(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {
        field: {name: value[name] for name in value if name in names[field]}
        if names[field] and isinstance(value, dict)
        else value
        for field, value in row.items()
    }


def _known(serializer: Any) -> dict[str, Collection[str]]:
    return {name: _below(serializer, name, field) for name, field in serializer.fields.items()}


def _below(serializer: Any, name: str, field: Any) -> Collection[str]:
    """What may be asked of a part: of another shape its fields, of a method that returns a typed dict its keys."""
    inner = getattr(field, "child", field)
    if isinstance(inner, Serializer):
        return list(inner.fields)
    if not isinstance(field, SerializerMethodField):
        return ()
    returned = get_type_hints(getattr(serializer, f"get_{name}")).get("return")
    kinds = get_args(returned) if isinstance(returned, UnionType) else (returned,)
    return [key for kind in kinds if is_typeddict(kind) for key in kind.__annotations__]
