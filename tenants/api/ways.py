"""Which index a list's filters are best found by: declared, never left to a guess about how rows are spread."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from math import prod
from operator import and_
from typing import Any

from django.db.models import Q

from tenants.api import parameters
from tenants.api.parameters import Parameter
from tenants.api.walks import Way

#: Most ranges of an index that are merged for one page: to plan each costs as much as to read it, about 7 ms.
MOST_WAYS = 10


@dataclass(frozen=True, slots=True)
class Index:
    """Finds rows by equal values of ``columns``, in the list's order."""

    columns: tuple[str, ...]
    #: Where the index holds no other values of the last column, or where it is worth its while for these alone.
    among: Collection[Any] | None = None

    def serves(self, equal: Mapping[str, Sequence[Any]]) -> bool:
        """Whether it can be walked for these values."""
        if not all(column in equal for column in self.columns):
            return False
        if self.among is not None and not set(equal[self.columns[-1]]) <= set(self.among):
            return False
        return prod(len(equal[column]) for column in self.columns) <= MOST_WAYS


def wanted(values: Mapping[str, Any], declared: Collection[Parameter], within: Mapping[str, Any]) -> Wanted:
    """What was sent of parameters that name their columns, of the rows ``within``: values by column."""
    found = Wanted({column: [value] for column, value in within.items()})
    for column, value in parameters.conditions(values, declared).items():
        if column.endswith("__in"):
            found.any_of(column.removesuffix("__in"), value)
        else:
            found.bounds &= Q(**{column: value})
    return found


@dataclass(slots=True)
class Wanted:
    """What a list is asked for."""

    #: Any of these values, by column.
    equal: dict[str, list[Any]] = field(default_factory=dict)
    #: A range of what the list is ordered by.
    bounds: Q = field(default_factory=Q)
    #: What no index finds.
    rest: Q = field(default_factory=Q)

    def any_of(self, column: str, values: Sequence[Any]) -> None:
        """Narrow a column to some values, of those it is narrowed to already."""
        former = self.equal.get(column)
        unique = list(dict.fromkeys(values))
        self.equal[column] = unique if former is None else [value for value in former if value in unique]

    def ways(self, indexes: Sequence[Index]) -> list[Way]:
        """By the first index that serves; by the list's order alone if none does."""
        chosen = next((index for index in indexes if index.serves(self.equal)), Index(()))
        others = {column: values for column, values in self.equal.items() if column not in chosen.columns}
        if not all(others.values()):
            return []
        only = reduce(and_, (_among(column, values) for column, values in others.items()), self.rest)
        found = product(*(self.equal[column] for column in chosen.columns))
        return [Way(self.bounds & Q(**dict(zip(chosen.columns, values, strict=True))), only) for values in found]


def _among(column: str, values: Sequence[Any]) -> Q:
    return Q(**{column: values[0]}) if len(values) == 1 else Q(**{f"{column}__in": values})
