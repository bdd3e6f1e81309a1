"""Procrastinate: one worker of asynchronous tasks, ten at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import command
import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=command.DATABASE))


@app.task(name="noop")
async def noop() -> None:
    """Nothing."""


@app.task(name="stamp")
async def stamp(path: str) -> None:
    command.stamp(path)


async def install() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def fill(count: int) -> None:
    async with app.open_async():
        for begin in range(0, count, 1000):
            await noop.batch_defer_async(*[{}] * min(1000, count - begin))


async def work() -> None:
    async with app.open_async():
        command.ready()
        await app.run_worker_async(concurrency=10)


@asynccontextmanager
async def sender() -> AsyncIterator[command.Send]:
    async with app.open_async():

        async def send(path: str) -> None:
            await stamp.defer_async(path=path)

        yield send


PEER = command.Peer(install, fill, work, sender)
