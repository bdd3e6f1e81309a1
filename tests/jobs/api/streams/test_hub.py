"""Open streams of one process: one poller, bounded buffers, and an end for who may not go on."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from django.test import override_settings

from jobs.api.streams import follower as following
from jobs.api.streams import hub as hubs
from jobs.api.streams.follower import Follower
from jobs.api.streams.hub import hub
from jobs.api.streams.rounds import Asked
from jobs.api.streams.seats import Full, seats
from jobs.rules.timeline import Place
from jobs.timelines import Wish
from tenants import context, known_keys
from tenants.api import event_streams
from tenants.api.event_streams import EventStream, Outlet
from tenants.limits import RateLimited
from tests.support import rows
from tests.support.engine_hand import Hand


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(hubs, "EVERY", 0.02)
    monkeypatch.setattr(hubs, "ASK_AGAIN", 0.02)


def opened(owner: Any, execution: Any) -> Follower:
    from django.db import transaction
    from django.utils import timezone

    with context.within(context.NOBODY), transaction.atomic():
        actor = known_keys.actor_of(owner.key, None, timezone.now())
        context.enter(context.Scope(tenant_id=owner.tenant.pk))
        return Follower(Asked(actor, owner.tenant.pk, Wish(execution, Place(), True)))


async def everything(follower: Follower) -> bytes:
    async with asyncio.timeout(20):
        return b"".join([part async for part in follower.parts()])


async def beginning(parts: Any) -> bytes:
    async with asyncio.timeout(20):
        return await anext(parts)


def in_thread(work: Any) -> Any:
    return asyncio.get_running_loop().run_in_executor(None, work)


def test_what_happens_is_told_and_the_end_ends_it(owner):
    execution = rows.execution(rows.job(owner.tenant.id))
    follower = opened(owner, execution)
    hand = Hand()

    async def told() -> bytes:
        parts = follower.parts()
        first = await beginning(parts)
        await in_thread(
            lambda: hand.queue(execution).claim(execution).log(execution, 1, 1, 1).succeed(execution, 1).commit()
        )
        async with asyncio.timeout(20):
            return first + b"".join([part async for part in parts])

    sent = asyncio.run(told())
    hand.close()
    assert sent.startswith(b"retry: 1000\n\n")
    assert [line for line in sent.split(b"\n") if line.startswith(b"event")][-1] == b"event: end"
    assert seats.taken == 0


def test_a_revoked_key_and_a_suspended_tenant_end_the_stream(owner, teammate):
    execution = rows.execution(rows.job(owner.tenant.id))
    follower = opened(teammate, execution)
    rows.change("UPDATE api_key SET revoked_at = now() WHERE key_id = %s", teammate.key.split("_")[1])
    sent = asyncio.run(everything(follower))
    assert b"event: closed" in sent
    assert b"UNAUTHENTICATED" in sent
    follower = opened(owner, execution)
    rows.change("UPDATE tenant SET state = 'suspended' WHERE id = %s", owner.tenant.id)
    assert b"TENANT_SUSPENDED" in asyncio.run(everything(follower))


def test_a_key_whose_scopes_are_changed_has_to_ask_again(owner):
    follower = opened(owner, rows.execution(rows.job(owner.tenant.id)))
    rows.change("UPDATE api_key SET scopes = '{jobs:read}' WHERE key_id = %s", owner.key.split("_")[1])
    assert b"event: closed" in asyncio.run(everything(follower))


def test_a_process_that_goes_says_when_to_ask_another(owner):
    follower = opened(owner, rows.execution(rows.job(owner.tenant.id)))

    async def left() -> bytes:
        parts = follower.parts()
        first = await beginning(parts)
        hub.go_elsewhere()
        async with asyncio.timeout(20):
            return first + b"".join([part async for part in parts])

    sent = asyncio.run(left())
    assert sent.count(b"retry: ") == 2
    assert b"event: end" not in sent
    assert seats.taken == 0


def test_nothing_is_read_for_who_does_not_read(owner):
    follower = opened(owner, rows.execution(rows.job(owner.tenant.id)))
    assert not follower.is_hungry


def test_who_does_not_read_is_dropped(owner, monkeypatch):
    monkeypatch.setattr(event_streams, "PATIENCE", 0.05)
    dropped: list[bool] = []

    class Transport:
        def abort(self) -> None:
            dropped.append(True)

    class Cycle:
        transport = Transport()

        async def send(self, message: Any) -> None:
            await asyncio.Event().wait()

    stream = EventStream(opened(owner, rows.execution(rows.job(owner.tenant.id))))

    async def served() -> None:
        async def sending(send: Any) -> None:
            async for part in stream:
                await send(part)

        await event_streams.serve(sending, asyncio.Event().wait, Cycle().send)

    asyncio.run(served())
    assert dropped == [True]
    assert seats.taken == 0


def test_a_quiet_stream_beats(owner, monkeypatch):
    monkeypatch.setattr(following, "QUIET", 0.05)
    follower = opened(owner, rows.execution(rows.job(owner.tenant.id)))

    async def two() -> list[bytes]:
        parts = follower.parts()
        found = [await beginning(parts), await beginning(parts)]
        await parts.aclose()
        return found

    assert asyncio.run(two())[1] == event_streams.HEARTBEAT
    assert seats.taken == 0


def test_too_many_are_refused_and_a_stream_nobody_reads_gives_its_seat_back(owner):
    execution = rows.execution(rows.job(owner.tenant.id))
    with override_settings(STREAMS={"key": 2, "tenant": 5, "process": 5}):
        kept = [opened(owner, execution), opened(owner, execution)]
        with pytest.raises(RateLimited) as refused:
            opened(owner, execution)
        assert refused.value.retry_after
        assert refused.value.details["limit"] == "streams_key"
        kept.pop()
        gc.collect()
        kept.append(opened(owner, execution))
    with override_settings(STREAMS={"key": 5, "tenant": 5, "process": 2}), pytest.raises(Full):
        opened(owner, execution)
    del kept
    gc.collect()
    assert seats.taken == 0


def test_while_the_database_is_away_streams_wait(owner, monkeypatch):
    from django.db import OperationalError

    from jobs.api.streams import rounds

    execution = rows.execution(rows.job(owner.tenant.id))
    follower = opened(owner, execution)
    look, failures = rounds.look, iter([OperationalError("gone")] * 3)

    def away(asked: Any) -> Any:
        if error := next(failures, None):
            raise error
        return look(asked)

    monkeypatch.setattr(rounds, "look", away)
    rows.change("UPDATE execution SET state = 'cancelled', finished_at = now() WHERE id = %s", execution)
    assert b"event: end" in asyncio.run(everything(follower))


def test_other_answers_pass_the_outlet():
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Outlet(send)({"type": "x"}))
    assert sent == [{"type": "x"}]
