"""What differs between two JSON values, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tenants.rules.audit_chain import canonical


class Change(StrEnum):
    """What became of a place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that is not the same; ``before`` is None where it was not there, ``after`` where it is no more."""

    path: str
    change: Change
    before: Any
    after: Any


def between(before: Any, after: Any) -> list[Difference]:
    """In the order in which one reads them; empty if nothing differs. Paths are those of messages: ``payload.items[0]``.

    Objects and lists on both sides are gone into; anything else differs as a whole.
    """
    return list(_between("", before, after))


def without(found: Iterable[Difference], field: str) -> list[Difference]:
    """For who may not see what is in a field: that it differs, and nothing more."""
    told, seen = [], False
    for each in found:
        if each.path != field and not each.path.startswith((f"{field}.", f"{field}[")):
            told.append(each)
        elif not seen:
            seen = True
            told.append(Difference(field, Change.CHANGED, None, None))
    return told


def _between(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_objects(path, before, after)
    elif _is_list(before) and _is_list(after):
        yield from _of_lists(path, before, after)
    elif canonical(before) != canonical(after):
        yield Difference(path, Change.CHANGED, before, after)


def _of_objects(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in {**before, **after}:
        below = f"{path}.{name}" if path else name
        if name not in after:
            yield Difference(below, Change.REMOVED, before[name], None)
        elif name not in before:
            yield Difference(below, Change.ADDED, None, after[name])
        else:
            yield from _between(below, before[name], after[name])


def _of_lists(path: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Difference]:
    shared = min(len(before), len(after))
    for index in range(shared):
        yield from _between(f"{path}[{index}]", before[index], after[index])
    for index in range(shared, len(before)):
        yield Difference(f"{path}[{index}]", Change.REMOVED, before[index], None)
    for index in range(shared, len(after)):
        yield Difference(f"{path}[{index}]", Change.ADDED, None, after[index])


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
