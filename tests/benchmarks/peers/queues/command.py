"""What the program of every queue that lives in PostgreSQL is called with, in an environment of its own.

    python command.py <peer> install           its tables, in the database of $BENCHMARK_DATABASE
    python command.py <peer> fill 10000        that many no-op jobs, waiting
    python command.py <peer> work              a worker, until it is killed
    python command.py <peer> delays 60 folder  milliseconds from before each enqueueing until the job's first line, as JSON

Nothing of Carillon can be imported there.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATABASE = os.environ.get("BENCHMARK_DATABASE", "")
READY = "works: ready."

Send = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True)
class Peer:
    """``sender`` opens what enqueues one job that is to stamp the file it is given."""

    install: Callable[[], Coroutine[Any, Any, None]]
    fill: Callable[[int], Coroutine[Any, Any, None]]
    work: Callable[[], Coroutine[Any, Any, None]]
    sender: Callable[[], AbstractAsyncContextManager[Send]]
    run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run


def main() -> None:
    name, command, *arguments = sys.argv[1:]
    peer: Peer = importlib.import_module(f"{name}_peer").PEER
    if command == "delays":
        print(json.dumps(peer.run(_delays(peer, int(arguments[0]), Path(arguments[1])))))
    elif command == "fill":
        peer.run(peer.fill(int(arguments[0])))
    else:
        peer.run({"install": peer.install, "work": peer.work}[command]())


def ready() -> None:
    """Said by a worker that is about to take its first job."""
    print(READY, flush=True)


def stamp(path: str) -> None:
    """The first line of a job."""
    at = time.time()
    Path(f"{path}.part").write_text(str(at))
    Path(f"{path}.part").rename(path)


async def _delays(peer: Peer, count: int, folder: Path) -> list[float]:
    async with peer.sender() as send:
        return [await _delay(send, folder / str(number)) for number in range(count + 5)][5:]


async def _delay(send: Send, path: Path) -> float:
    called = time.time()
    await send(str(path))
    while not path.exists():
        await asyncio.sleep(0.005)
    await asyncio.sleep(random.uniform(0.02, 0.1))
    return 1000 * (float(path.read_text()) - called)


if __name__ == "__main__":
    main()
