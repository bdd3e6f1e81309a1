"""How a list is found: its orders, its ways, and what is read of a page's rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db.models import Q, QuerySet

from tenants.api import walks
from tenants.api.expansions import Expansion
from tenants.api.pagination import turned
from tenants.api.parameters import Parameter
from tenants.api.sparse import Names
from tenants.api.walks import Order, Way
from tenants.models import Tenant


class Asking(Protocol):
    """What this asks of views."""

    query: dict[str, Any]
    within: Mapping[str, Any]

    @property
    def tenant(self) -> Tenant: ...
    def declared_parameters(self) -> tuple[Parameter, ...]: ...
    def conditions(self) -> dict[str, Any]: ...


class Find(Protocol):
    """The ways to what a query asks for, of the rows ``within``: values by column."""

    def __call__(
        self, tenant: Tenant, query: Mapping[str, Any], declared: Sequence[Parameter], order: Order, **within: Any
    ) -> list[Way]: ...


def whole(rows: QuerySet[Any], names: Names | None) -> QuerySet[Any]:  # noqa: ARG001 - as others need it
    """All of each row, whatever is asked for."""
    return rows


@dataclass(frozen=True, slots=True)
class Listing:
    """Without ``find`` all conditions go to PostgreSQL as they are, and its planner chooses."""

    orders: Mapping[str, Order]
    default: str
    find: Find | None = None
    #: Rows that a page looks at, wanted or not.
    most: Callable[[Mapping[str, Any]], int] = lambda query: walks.MOST  # noqa: ARG005
    #: Leaves out of a query what nobody asks for.
    trim: Callable[[QuerySet[Any], Names | None], QuerySet[Any]] = whole
    expands: Mapping[str, Expansion] = field(default_factory=dict)

    def order(self, query: Mapping[str, Any]) -> Order:
        """The one asked for, or its own."""
        chosen: Order | None = query.get("order_by")
        return chosen or turned(self.orders, self.default)

    def ways(self, view: Asking, order: Order) -> list[Way]:
        """How the rows are found that a view's query asks for."""
        if self.find is None:
            return [Way(Q(**view.conditions()))]
        return self.find(view.tenant, view.query, view.declared_parameters(), order, **view.within)

    def most_looked_at(self, query: Mapping[str, Any]) -> int | None:
        """As :func:`walks.walk` takes it."""
        return None if self.find is None else self.most(query)

    def page(
        self, rows: QuerySet[Any], keys: Collection[Any], column: str, names: Names | None
    ) -> Iterable[tuple[Any, Any]]:
        """The rows of a page by their keys, in any order."""
        chosen = self.trim(rows, names).filter(**{f"{column}__in": keys})
        return ((getattr(row, column), row) for row in chosen)


def by(keyset: str) -> Listing:
    """Of a view that has one order alone: a unique column, ``-`` for descending."""
    name = keyset.removeprefix("-")
    return Listing({name: Order(name, (name,))}, keyset)
