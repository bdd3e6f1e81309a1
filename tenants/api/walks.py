"""A page of a list costs the same whatever is stored: indexes are walked in the list's order, over so many rows at most.

    way   rows that one index finds in the list's order, and which of them are wanted
    walk  the ways merged, up to the page's end or the most rows that one page may look at

A walk that looked at the most has found what it found, few or none, and the next one goes on after the last row it saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet, Value

#: Rows that one page looks at, wanted or not.
MOST = 10_000
#: Under row-level security the planner expects few rows to pass, and would rather sort all of them than walk.
_OFF = ("enable_sort", "enable_incremental_sort", "enable_seqscan", "enable_bitmapscan", "jit")

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is ordered: by ``columns``, of which the last is unique. Rows without the first are not in it."""

    name: str
    columns: tuple[str, ...]
    descending: bool = False
    #: Whether the first column may be empty.
    partial: bool = False

    def by(self) -> list[str]:
        """For ``order_by()``."""
        return [f"-{column}" if self.descending else column for column in self.columns]

    def rows(self, after: Key | None = None) -> Q:
        """Those in this order, or those that follow a key."""
        if after is None:
            return Q(**{f"{self.columns[0]}__isnull": False}) if self.partial else Q()
        if len(self.columns) == 1:
            return self._than(self.columns[0], after[0])
        first, last = self.columns
        tied = Q(**{first: after[0]}) & self._than(last, after[1])
        # The first is what an index can begin at; the rest leaves out ties that have been seen.
        return self._than(first, after[0], "e") & (self._than(first, after[0]) | tied)

    def _than(self, column: str, value: Any, equal: str = "") -> Q:
        return Q(**{f"{column}__{'lt' if self.descending else 'gt'}{equal}": value})


@dataclass(frozen=True, slots=True)
class Way:
    """Rows of one index (``where``), and which of them are wanted (``only``). Those of two ways never meet."""

    where: Q = field(default_factory=Q)
    only: Q = field(default_factory=Q)


@dataclass(frozen=True, slots=True)
class Walked:
    """The keys of a page, and the key that the next one goes on after."""

    keys: list[Key]
    following: Key | None


def walk(
    rows: QuerySet[Any], ways: Sequence[Way], order: Order, *, after: Key | None, limit: int, most: int | None = MOST
) -> Walked:
    """A page of the rows that any of the ways leads to. Without ``most`` the planner finds them as it thinks best."""
    in_order = most is not None
    most = most if most is not None and any(way.only for way in ways) else limit + 1
    found = _union(rows, ways, order, order.rows(after), most)
    if found is None:
        return Walked([], None)
    union, parameters = found
    turned = " DESC" if order.descending else ""
    ordered = ", ".join(f'"{_called(rows, column)}"{turned}' for column in order.columns)
    # The last row looked at comes along, wanted or not: it is where the next page begins.
    # Its order is said at each level: one that does not ask for it would forget it, and the outermost sort all.
    statement = (
        f"SELECT * FROM (SELECT merged.*, row_number() OVER () AS place FROM ({union} ORDER BY {ordered} LIMIT {most})"  # noqa: S608 - names and numbers of our own
        f" AS merged ORDER BY {ordered}) AS placed"
        f" WHERE fits OR place = {most} ORDER BY {ordered} LIMIT {limit + 2}"
    )
    seen = _fetched(statement, parameters, in_order=in_order)
    keys = [tuple(row[:-2]) for row in seen if row[-2]]
    if len(keys) > limit:
        return Walked(keys[:limit], keys[limit - 1])
    return Walked(keys, tuple(seen[-1][:-2]) if seen and seen[-1][-1] == most else None)


def count(rows: QuerySet[Any], ways: Sequence[Way], order: Order, *, most: int | None = None) -> tuple[int, bool]:
    """How many there are; True if there are perhaps more, beyond the most that is looked at."""
    most = MOST if most is None else most
    found = _union(rows, ways, order, order.rows(), most + 1)
    if found is None:
        return 0, False
    union, parameters = found
    statement = f"SELECT count(*) FILTER (WHERE fits), count(*) FROM ({union} LIMIT {most + 1}) AS merged"  # noqa: S608 - numbers of our own
    ((fitting, seen),) = _fetched(statement, parameters, in_order=True)
    return min(fitting, most), seen > most


def _union(
    rows: QuerySet[Any], ways: Sequence[Way], order: Order, following: Q, most: int
) -> tuple[str, tuple[Any, ...]] | None:
    """Text and parameters of the statement that merges the ways, but for its order; None if they lead nowhere."""
    texts: list[str] = []
    parameters: list[Any] = []
    for way in ways:
        fits = ExpressionWrapper(way.only, output_field=BooleanField()) if way.only else Value(True)
        narrowed = rows.select_related(None).filter(following).filter(way.where).annotate(fits=fits)
        part: Any = narrowed.order_by(*order.by()).values_list(*order.columns, "fits")[:most]
        try:
            text, values = part.query.sql_with_params()
        except EmptyResultSet:
            continue
        texts.append(f"({text})")
        parameters += values
    if not texts:
        return None
    return f"SELECT * FROM ({' UNION ALL '.join(texts)}) AS ways", tuple(parameters)  # noqa: S608 - as Django wrote them


def _called(rows: QuerySet[Any], column: str) -> str:
    return column if column in rows.query.annotations else rows.model._meta.get_field(column).column


def _fetched(statement: str, parameters: Sequence[Any], *, in_order: bool) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor, _walked_in_order(cursor) if in_order else nullcontext():
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@contextmanager
def _walked_in_order(cursor: Any) -> Iterator[None]:
    """Plans go by an index in the order that is asked for, wherever there is one."""
    cursor.execute("; ".join(f"SET LOCAL {name} = off" for name in _OFF))
    yield
    cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in _OFF))
