"""Which executions an operation is about, found page by page in the order of their ids.

A page looks at so many executions at most, by an index, whatever else is asked of them: so a step's cost does not
follow what is stored. What was made after the operation is out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from jobs import sql
from jobs.models import Execution
from jobs.rules import identity
from jobs.rules.states import TERMINAL

#: Executions that one statement looks at, and statements of one page.
WINDOW = 1000
WINDOWS = 5
#: Ids begin with a slot's instant, and slots are planned ahead.
_AHEAD = timedelta(minutes=1)
NOT_FOUND = "NOT_FOUND"
#: Among conditions, what no single column says: as :func:`written` writes it.
REST = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A tenant's executions in one of some states that match ``conditions`` (for ``filter()``) and existed at ``made_by``."""

    tenant_id: UUID
    states: Sequence[str]
    conditions: Mapping[str, Any]
    made_by: datetime
    #: In their order, where they are named one by one.
    ids: Sequence[UUID] | None = None
    #: Why one that is named is left out where its state is none of these.
    unfit: str = ""

    def rows(self) -> QuerySet[Execution]:
        """All of them."""
        rows = Execution.objects.filter(tenant_id=self.tenant_id, state__in=list(self.states))
        plain = {lookup: value for lookup, value in self.conditions.items() if lookup != REST}
        rest = read(self.conditions[REST]) if REST in self.conditions else Q()
        return rows.filter(rest, created_at__lte=self.made_by, **plain)


@dataclass(frozen=True, slots=True)
class Page:
    """The next ones; the last that was looked at, and whether there are more."""

    ids: Sequence[UUID]
    cursor: UUID | None
    exhausted: bool
    #: Why those that were named and are not among these are none, by id.
    left_out: Mapping[UUID, str] = field(default_factory=dict)


def written(condition: Q, value: Callable[[Any], Any]) -> dict[str, Any]:
    """A condition as JSON; ``value`` makes what it compares with such."""
    children: Sequence[Any] = condition.children
    parts = [written(each, value) if isinstance(each, Q) else [each[0], value(each[1])] for each in children]
    return {"connector": condition.connector, "negated": condition.negated, "parts": parts}


def read(told: Mapping[str, Any]) -> Q:
    """The condition that was written so."""
    parts = [read(each) if isinstance(each, Mapping) else (each[0], each[1]) for each in told["parts"]]
    return Q(*parts, _connector=told["connector"], _negated=told["negated"])


def page(selection: Selection, *, after: UUID | None, size: int) -> Page:
    """The first ``size`` beyond ``after``; fewer, perhaps none, if few of those that were looked at match."""
    if selection.ids is not None:
        return _named(selection, selection.ids, after, size)
    found: list[UUID] = []
    low, high = _bounds(selection)
    cursor = max(low, after, key=lambda key: key.int) if after else low
    for _ in range(WINDOWS):
        window = _window(selection, cursor, high)
        if window:
            matching = set(selection.rows().filter(pk__in=window).values_list("pk", flat=True))
            found += [key for key in window if key in matching]
        if len(found) > size:
            return Page(found[:size], found[size - 1], exhausted=False)
        cursor = window[-1] if window else cursor
        if len(window) < WINDOW:
            return Page(found, cursor, exhausted=True)
        if len(found) == size:
            break
    return Page(found, cursor, exhausted=False)


def _window(selection: Selection, after: UUID, before: UUID) -> list[UUID]:
    place: dict[str, Any] = {"tenant_id": selection.tenant_id, "after": after, "before": before, "size": WINDOW}
    job = selection.conditions.get("job_id")
    if job is not None and set(selection.states) <= TERMINAL:
        rows = sql.run("select_of_job", job_id=UUID(str(job)), **place)
    else:
        rows = sql.run("select_by_state", states=list(selection.states), **place)
    return [row.id for row in rows]


def _bounds(selection: Selection) -> tuple[UUID, UUID]:
    """Between which ids they lie, neither included."""
    low, high = UUID(int=0), identity.floor_id(selection.made_by + _AHEAD)
    if "id__gte" in selection.conditions:
        low = UUID(int=max(UUID(str(selection.conditions["id__gte"])).int - 1, 0))
    if "id__lt" in selection.conditions:
        high = min(high, UUID(str(selection.conditions["id__lt"])), key=lambda key: key.int)
    return low, high


def _named(selection: Selection, ids: Sequence[UUID], after: UUID | None, size: int) -> Page:
    rest = [key for key in ids if after is None or key.int > after.int]
    chunk = rest[:size]
    fit = set(selection.rows().filter(pk__in=chunk).values_list("pk", flat=True))
    there = set(Execution.objects.filter(tenant_id=selection.tenant_id, pk__in=chunk).values_list("pk", flat=True))
    missing = {key: selection.unfit if key in there else NOT_FOUND for key in chunk if key not in fit}
    cursor = chunk[-1] if chunk else after
    return Page([key for key in chunk if key in fit], cursor, exhausted=len(rest) <= size, left_out=missing)


def hold(rows: QuerySet[Any], ids: Sequence[UUID], *, by: str = "pk") -> tuple[list[Any], UUID | None]:
    """Lock the rows of these executions, waiting for nobody: those up to the first that somebody else holds, and its id.

    ``by`` is the column with the execution's id, which are in their order. A row that is gone is taken as held: whoever
    asks looks again, and does not find it then.
    """
    locked = rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).filter(**{f"{by}__in": list(ids)})
    held = {getattr(row, by): row for row in locked.order_by(by)}
    missing = next((key for key in ids if key not in held), None)
    return [held[key] for key in ids if missing is None or key.int < missing.int], missing
