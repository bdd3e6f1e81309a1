"""Keeps servers and programs running on one machine until it is told to stop.

::

    SIGINT, SIGTERM   stop the programs, stage by stage
    SIGHUP            rolling restart: what must be done before it, then one program after the other, the new
                      process up before the old one goes
    a crash           said, and started again after 0.5 s, 1 s, ... 30 s; from 0.5 s again after a minute's life

Everything happens in the event loop of the main thread, where processes must be started to be
killed with us (see :mod:`scheduler_project.local.deathsig`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scheduler_project.local.child import Program
from scheduler_project.local.errors import LocalError
from scheduler_project.local.keeper import Keeper, Pause
from scheduler_project.local.output import Output

LOOK_SECONDS = 0.5
TERMINAL_FDS = (0, 1, 2)


class Server(Protocol):
    """A server that runs already and is stopped later, by whoever has started it. Here it is only kept running."""

    @property
    def name(self) -> str: ...
    def alive(self) -> bool: ...
    def launch(self) -> None: ...


@dataclass(frozen=True)
class Rolling:
    """What goes with a rolling restart.

    ``prepare`` is called in a thread before it and calls it off by a LocalError; ``done`` is called after it, with
    what called it off or with nothing.
    """

    prepare: Callable[[], None]
    done: Callable[[str], None]


class Supervisor:
    """Call :meth:`run` in the main thread."""

    def __init__(self, servers: Sequence[Server], programs: Sequence[Program], output: Output) -> None:
        self._servers = servers
        self._programs = programs
        self._output = output
        self._keepers: list[Keeper] = []
        self._rolling = asyncio.Event()
        self._terminals = [fd for fd in TERMINAL_FDS if os.isatty(fd)]

    async def run(self, beside: Callable[[], Coroutine[Any, Any, None]], rolling: Rolling) -> None:
        """Returns when all programs have stopped. Once all are up, ``beside`` runs next to them."""
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(self._work(beside, rolling))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.cancel)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up, work.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            await self._stop()

    async def _work(self, beside: Callable[[], Coroutine[Any, Any, None]], rolling: Rolling) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._roll(rolling))
            for server in self._servers:
                group.create_task(self._watch(server))
            for last in (False, True):
                keepers = [Keeper(program, self._output) for program in self._programs if program.last == last]
                self._keepers += keepers
                for keeper in keepers:
                    group.create_task(keeper.keep())
                await asyncio.gather(*(keeper.current.wait_ready() for keeper in keepers))
            await beside()

    def _hang_up(self, stop: Callable[[], object]) -> None:
        """A closed terminal sends SIGHUP as well: then there is nobody left to work for."""
        if all(os.isatty(fd) for fd in self._terminals):
            self._rolling.set()
        else:
            stop()

    async def _roll(self, rolling: Rolling) -> None:
        while True:
            await self._rolling.wait()
            self._rolling.clear()
            try:
                await asyncio.to_thread(rolling.prepare)
            except LocalError as problem:
                self._output.say(f"nothing is restarted: {problem}")
                rolling.done(str(problem))
                continue
            for keeper in tuple(self._keepers):
                self._output.say(f"restarting {keeper.program.name}")
                await keeper.replace()
            self._output.say("rolling restart done")
            rolling.done("")

    async def _watch(self, server: Server) -> None:
        pause = Pause()
        launched_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not server.alive():
                seconds = pause.after(time.monotonic() - launched_at)
                self._output.say(f"{server.name} has ended; starting it again in {seconds:g} s")
                await asyncio.sleep(seconds)
                server.launch()
                launched_at = time.monotonic()

    async def _stop(self) -> None:
        longest = sum(max(p.grace for p in self._programs if p.stage == stage) for stage in self._stages())
        self._output.say(f"stopping, within {longest:g} s")
        for stage in self._stages():
            await asyncio.gather(*(keeper.stop() for keeper in self._keepers if keeper.program.stage == stage))

    def _stages(self) -> list[int]:
        return sorted({program.stage for program in self._programs})
