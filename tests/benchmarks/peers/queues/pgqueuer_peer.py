"""pgqueuer: one worker on asyncpg and uvloop, a hundred to a batch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import command
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries


@asynccontextmanager
async def queries() -> AsyncIterator[Queries]:
    connection = await asyncpg.connect(command.DATABASE)
    try:
        yield Queries(AsyncpgDriver(connection))
    finally:
        await connection.close()


async def install() -> None:
    async with queries() as opened:
        await opened.install()


async def fill(count: int) -> None:
    async with queries() as opened:
        for begin in range(0, count, 1000):
            size = min(1000, count - begin)
            await opened.enqueue(["noop"] * size, [None] * size, [0] * size)


async def work() -> None:
    worker = PgQueuer(AsyncpgDriver(await asyncpg.connect(command.DATABASE)))

    @worker.entrypoint("noop")
    async def noop(job: Job) -> None:
        """Nothing."""

    @worker.entrypoint("stamp")
    async def stamp(job: Job) -> None:
        command.stamp((job.payload or b"").decode())

    command.ready()
    await worker.run(batch_size=100)


@asynccontextmanager
async def sender() -> AsyncIterator[command.Send]:
    async with queries() as opened:

        async def send(path: str) -> None:
            await opened.enqueue("stamp", path.encode())

        yield send


PEER = command.Peer(install, fill, work, sender, uvloop.run)
