"""oban-py: one process, fifty at a time. Needs Python 3.12."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import command
import uvloop
from oban import Oban, worker
from oban.schema import install as make_tables


@worker(queue="default")
class Noop:
    async def process(self, job: Any) -> None:
        """Nothing."""


@worker(queue="default")
class Stamp:
    async def process(self, job: Any) -> None:
        command.stamp(job.args["path"])


@asynccontextmanager
async def opened(**queues: int) -> AsyncIterator[Oban]:
    pool = await Oban.create_pool(command.DATABASE)
    try:
        async with Oban(pool=pool, queues=queues) as oban:
            yield oban
    finally:
        await pool.close()


async def install() -> None:
    pool = await Oban.create_pool(command.DATABASE)
    await make_tables(pool)
    await pool.close()


async def fill(count: int) -> None:
    async with opened() as oban:
        for begin in range(0, count, 1000):
            await oban.enqueue_many([Noop.new({}) for _ in range(min(1000, count - begin))])


async def work() -> None:
    async with opened(default=50):
        command.ready()
        await asyncio.Event().wait()


@asynccontextmanager
async def sender() -> AsyncIterator[command.Send]:
    async with opened() as oban:

        async def send(path: str) -> None:
            await oban.enqueue(Stamp.new({"path": path}))

        yield send


PEER = command.Peer(install, fill, work, sender, uvloop.run)
