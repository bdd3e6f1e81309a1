"""What of a changed JSON Schema is narrower for who sends, or wider for who reads. Pure.

Both ask the same: does everything that the first takes pass the second? Of input the first is the former schema, of
output the present one. So :func:`of_output` compares the other way round, and forgives what clients are told to expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

JsonSchema = Mapping[str, Any]
_ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_EQUAL = ("pattern", "format", "multipleOf", "uniqueItems")


@dataclass
class Documents:
    """The former and the present document, and which pairs of their parts are being compared."""

    former: Mapping[str, Any]
    present: Mapping[str, Any]
    under_way: set[tuple[str, str, bool]] = field(default_factory=set)

    def before(self, part: JsonSchema) -> JsonSchema:
        """A part of the former document, its references followed."""
        return _resolved(self.former, part)

    def now(self, part: JsonSchema) -> JsonSchema:
        """The same of the present one."""
        return _resolved(self.present, part)


def of_input(before: JsonSchema, now: JsonSchema, documents: Documents, path: str) -> Iterator[str]:
    """What was taken and is not any more."""
    yield from _compare(before, now, documents, path, taken=True)


def of_output(before: JsonSchema, now: JsonSchema, documents: Documents, path: str) -> Iterator[str]:
    """What readers were promised and do not find any more, or find to be of another type."""
    yield from _compare(before, now, documents, path, taken=False)


def _compare(before: JsonSchema, now: JsonSchema, documents: Documents, path: str, *, taken: bool) -> Iterator[str]:
    pair = (before.get("$ref", ""), now.get("$ref", ""), taken)
    if all(pair[:2]):
        if pair in documents.under_way:
            return
        documents.under_way.add(pair)
    try:
        former, present = documents.before(before), documents.now(now)
        if _is_union(former) or _is_union(present):
            yield from _of_unions(former, present, documents, path, taken=taken)
        else:
            yield from _of_one(former, present, documents, path, taken=taken)
    finally:
        documents.under_way.discard(pair)


def _of_one(before: JsonSchema, now: JsonSchema, documents: Documents, path: str, *, taken: bool) -> Iterator[str]:
    yield from (f"{_told(path)} {problem}" for problem in _of_value(before, now, taken=taken))
    yield from _of_fields(before, now, documents, path, taken=taken)
    if "items" in before and "items" in now:
        yield from _compare(before["items"], now["items"], documents, f"{path}[]", taken=taken)
    former, present = before.get("additionalProperties", True), now.get("additionalProperties", True)
    if isinstance(former, Mapping) and isinstance(present, Mapping):
        yield from _compare(former, present, documents, f"{path}.*", taken=taken)
    elif taken and former is not False and present is False and "properties" not in before:
        yield f"{_told(path)} takes no fields of any name any more"


def _of_value(before: JsonSchema, now: JsonSchema, *, taken: bool) -> Iterator[str]:
    wide, narrow = (_types(before), _types(now)) if taken else (_types(now), _types(before))
    if lost := wide - narrow:
        words = ", ".join(sorted(lost))
        yield f"no longer takes {words}" if taken else f"may be {words}"
        return
    if not taken:
        if before.get("format") not in (None, now.get("format")):
            yield f"was of format {before['format']}"
        return
    yield from _of_values(_values(before), _values(now))
    yield from _of_limits(before, now)
    if "default" in before and before["default"] != now.get("default"):
        yield f"left out meant {before['default']!r} and means {now.get('default')!r}"


def _of_values(before: list[Any] | None, now: list[Any] | None) -> Iterator[str]:
    if now is None:
        return
    if before is None:
        yield f"takes only {', '.join(map(str, now))}"
    elif lost := [each for each in before if each not in now]:
        yield f"no longer takes {', '.join(map(str, lost))}"


def _of_limits(before: JsonSchema, now: JsonSchema) -> Iterator[str]:
    for names, is_tighter in ((_UPPER, _below), (_LOWER, _above)):
        for name in names:
            if name in now and (name not in before or is_tighter(now[name], before[name])):
                yield f"has {name} {now[name]}, was {before.get(name, 'without')}"
    for name in _EQUAL:
        if name in now and now[name] != before.get(name):
            yield f"has {name} {now[name]}, was {before.get(name, 'without')}"


def _below(one: float, other: float) -> bool:
    return one < other


def _above(one: float, other: float) -> bool:
    return one > other


def _of_fields(before: JsonSchema, now: JsonSchema, documents: Documents, path: str, *, taken: bool) -> Iterator[str]:
    former, present = before.get("properties", {}), now.get("properties", {})
    required, was_required = set(now.get("required", ())), set(before.get("required", ()))
    for name in sorted(required - was_required) if taken else ():
        yield f"{_told(_below_path(path, name))} is required"
    for name, schema in former.items():
        own = _below_path(path, name)
        if name not in present:
            if not taken or now.get("additionalProperties") is False:
                yield f"{own} is gone"
            continue
        if not taken and name in was_required - required:
            yield f"{own} may be missing"
        yield from _compare(schema, present[name], documents, own, taken=taken)


def _of_unions(before: JsonSchema, now: JsonSchema, documents: Documents, path: str, *, taken: bool) -> Iterator[str]:
    former, present = _mapping(before), _mapping(now)
    if former and present:
        for value, reference in former.items():
            if value in present:
                yield from _compare(reference, present[value], documents, f"{path}({value})", taken=taken)
            elif taken:
                yield f"{_told(path)} no longer takes {before['discriminator']['propertyName']} {value}"
        former_rest, present_rest = _rest(before, former), _rest(now, present)
    else:
        former_rest, present_rest = _alternatives(before), _alternatives(now)
    if len(former_rest) == len(present_rest) == 1 and former_rest[0] is not before:
        yield from _compare(former_rest[0], present_rest[0], documents, path, taken=taken)
        return
    yield from _of_alternatives(former_rest, present_rest, documents, path, taken=taken)


def _of_alternatives(
    before: list[JsonSchema], now: list[JsonSchema], documents: Documents, path: str, *, taken: bool
) -> Iterator[str]:
    """Each of those that must still pass does so with one of the others."""
    wanted, offered = (before, now) if taken else (now, before)
    for each in wanted:

        def differences(other: JsonSchema, each: JsonSchema = each) -> list[str]:
            pair = (each, other) if taken else (other, each)
            return list(_compare(*pair, documents, path, taken=taken))

        if found := _fewest(differences, offered):
            told = each.get("$ref", "").rpartition("/")[2] or ", ".join(sorted(_types(_flat(each, documents, taken))))
            yield f"{_told(path)} {'no longer takes' if taken else 'may be'} {told}: {found[0]}"


def _fewest(differences: Callable[[JsonSchema], list[str]], offered: list[JsonSchema]) -> list[str]:
    found = ["there is none like it"]
    for other in offered:
        problems = differences(other)
        if not problems:
            return []
        found = min(found, problems, key=len) if found != ["there is none like it"] else problems
    return found


def _flat(schema: JsonSchema, documents: Documents, former: bool) -> JsonSchema:
    return documents.before(schema) if former else documents.now(schema)


def _resolved(document: Mapping[str, Any], part: JsonSchema) -> JsonSchema:
    """With references followed, and the parts of ``allOf`` put together."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = {**found, **{key: value for key, value in part.items() if key != "$ref"}}
    for each in part.get("allOf", ()):
        part = _both({key: value for key, value in part.items() if key != "allOf"}, _resolved(document, each))
    return part


def _both(one: JsonSchema, other: JsonSchema) -> dict[str, Any]:
    properties = dict(one.get("properties", {}))
    for name, schema in other.get("properties", {}).items():
        properties[name] = {"allOf": [properties[name], schema]} if name in properties else schema
    made = {**other, **one}
    if properties:
        made["properties"] = properties
    if required := {*one.get("required", ()), *other.get("required", ())}:
        made["required"] = sorted(required)
    return made


def _is_union(schema: JsonSchema) -> bool:
    return "oneOf" in schema or "anyOf" in schema


def _alternatives(schema: JsonSchema) -> list[JsonSchema]:
    return [*schema.get("oneOf", ()), *schema.get("anyOf", ())] or [schema]


def _mapping(schema: JsonSchema) -> dict[str, JsonSchema]:
    return {value: {"$ref": name} for value, name in schema.get("discriminator", {}).get("mapping", {}).items()}


def _rest(schema: JsonSchema, mapped: Mapping[str, JsonSchema]) -> list[JsonSchema]:
    return [each for each in _alternatives(schema) if each not in mapped.values() and each is not schema]


def _types(schema: JsonSchema) -> frozenset[str]:
    """All that a value may be; an integer is a number too."""
    named = schema.get("type")
    if named is None:
        return _ALL_TYPES
    types = {named} if isinstance(named, str) else set(named)
    return frozenset(types | {"integer"} if "number" in types else types)


def _values(schema: JsonSchema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _below_path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _told(path: str) -> str:
    return path or "the body"
