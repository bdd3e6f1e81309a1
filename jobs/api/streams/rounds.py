"""What is read for open streams, in a thread of the poller's: short transactions, and no connection kept between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import Error, connection, transaction
from django.utils import timezone

from jobs import selectors, timelines
from jobs.api.shapes.executions import ExecutionShape
from jobs.models import Execution
from jobs.rules import timeline
from jobs.rules.timeline import Place, Told
from jobs.timelines import News, Wish
from tenants import context, continuing, errors
from tenants.api import event_streams
from tenants.requests import Actor

Stamp = tuple[Any, ...]
#: Streams that one transaction reads for.
PAGE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """For one stream: what comes after a place, as who asks may see it, unless nothing has happened since ``stamp``."""

    actor: Actor
    tenant_id: UUID
    wish: Wish
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Got:
    """Events to send, and where that leads. Without a stamp there is more to read."""

    sent: bytes
    place: Place
    stamp: Stamp | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class _AsIf:
    """Stands in for the request that serializers ask who reads."""

    auth: Actor


def look(asked: Sequence[Asked]) -> list[Got | None]:
    """What is new for each; None where nothing is. One statement if nothing has happened, three for each tenant where it has.

    A page of streams that cannot be read is left for the next round; what was read of others is not lost by it.
    """
    try:
        with context.within(context.PLATFORM), transaction.atomic():
            stamps = timelines.stamps({each.wish.execution_id for each in asked})
        found: list[Got | None] = [None] * len(asked)
        for tenant_id, numbers in _changed(asked, stamps):
            for number, got in zip(numbers, _page(tenant_id, [asked[number] for number in numbers]), strict=False):
                found[number] = _stamped(got, stamps.get(asked[number].wish.execution_id))
        return found
    finally:
        connection.close()


def _page(tenant_id: UUID, asked: Sequence[Asked]) -> Sequence[Got]:
    try:
        with context.within(context.Scope(tenant_id=tenant_id)), transaction.atomic():
            return read(asked)
    except Error as error:
        log.warning("streams.not_read", problem=str(error), streams=len(asked))
        return ()


def refusals(actors: Collection[Actor]) -> dict[Actor, errors.ServiceError]:
    """Who may not go on, and what to tell them."""
    try:
        return continuing.refusals(actors, timezone.now())
    finally:
        connection.close()


def read(asked: Sequence[Asked]) -> list[Got]:
    """What is new for each, of the tenant in scope, in the transaction that is open."""
    news = timelines.news([each.wish for each in asked])
    ended = {each.wish.execution_id for each, found in zip(asked, news, strict=True) if _has_end(found)}
    executions = {row.pk: row for row in selectors.executions().filter(pk__in=ended)} if ended else {}
    return [_rendered(each, found, executions) for each, found in zip(asked, news, strict=True)]


def _has_end(news: News) -> bool:
    return bool(news.told) and news.told[-1].place.is_end


def _changed(asked: Sequence[Asked], stamps: dict[UUID, Stamp]) -> list[tuple[UUID, list[int]]]:
    """Numbers of those of whose execution something has happened, a page of a tenant's at a time."""
    changed: dict[UUID, list[int]] = defaultdict(list)
    for number, each in enumerate(asked):
        stamp = stamps.get(each.wish.execution_id)
        if stamp is None or stamp != each.stamp:
            changed[each.tenant_id].append(number)
    return [
        (tenant_id, numbers[start : start + PAGE])
        for tenant_id, numbers in changed.items()
        for start in range(0, len(numbers), PAGE)
    ]


def _stamped(got: Got, stamp: Stamp | None) -> Got:
    return Got(got.sent, got.place, stamp, got.is_over) if got.stamp is not None else got


def _rendered(asked: Asked, news: News, executions: Mapping[UUID, Execution]) -> Got:
    if news.gone:
        return Got(closed(errors.NotFound("this execution is not kept any more")), asked.wish.place, is_over=True)
    sent = b"".join(_event(asked, told, executions) for told in news.told)
    place = news.told[-1].place if news.told else asked.wish.place
    return Got(sent, place, () if news.settled else None, place.is_end)


def _event(asked: Asked, told: Told, executions: Mapping[UUID, Execution]) -> bytes:
    identifier = timeline.cursor(asked.wish.execution_id, told.place)
    data = _last_word(asked.actor, executions[asked.wish.execution_id]) if told.place.is_end else told.data
    return event_streams.event(told.name, data, id=identifier)


def _last_word(actor: Actor, execution: Execution) -> dict[str, Any]:
    return {"execution": ExecutionShape(execution, context={"request": _AsIf(actor)}).data}


def closed(error: errors.ServiceError) -> bytes:
    """The last event of a stream that is ended before there is nothing more to tell."""
    return event_streams.event("closed", {"code": error.code, "message": str(error)})
