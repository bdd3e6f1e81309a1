"""Keeps servers and programs running on one machine until it is told to stop.

::

    SIGINT, SIGTERM   stop the programs, stage by stage
    SIGHUP            rolling restart: one program after the other, the new process up before the old one goes
    a crash           said, and started again after 0.5 s, 1 s, ... 30 s; from 0.5 s again after a minute's life

Everything happens in the event loop of the main thread, where processes must be started to be
killed with us (see :mod:`scheduler_project.local.deathsig`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from scheduler_project.local.child import Program
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


class Supervisor:
    """Call :meth:`run` in the main thread."""

    def __init__(self, servers: Sequence[Server], programs: Sequence[Program], output: Output) -> None:
        self._servers = servers
        self._programs = programs
        self._output = output
        self._keepers: list[Keeper] = []
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Event()
        self._terminals = [fd for fd in TERMINAL_FDS if os.isatty(fd)]

    async def run(self, beside: Callable[[], Coroutine[Any, Any, None]], rolled: Callable[[], None]) -> None:
        """Starts the programs, runs ``beside`` next to them, and returns when all have stopped.

        ``rolled`` is called after each rolling restart.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(beside()), group.create_task(self._roll(rolled))]
                for program in self._programs:
                    self._keepers.append(Keeper(program, self._output))
                    tasks.append(group.create_task(self._keepers[-1].keep()))
                tasks += [group.create_task(self._watch(server)) for server in self._servers]
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
        finally:
            await self._stop()

    def _hang_up(self) -> None:
        """A closed terminal sends SIGHUP as well: then there is nobody left to work for."""
        if all(os.isatty(fd) for fd in self._terminals):
            self._rolling.set()
        else:
            self._stopping.set()

    async def _roll(self, rolled: Callable[[], None]) -> None:
        while True:
            await self._rolling.wait()
            self._rolling.clear()
            for keeper in self._keepers:
                self._output.say(f"restarting {keeper.program.name}")
                await keeper.replace()
            self._output.say("rolling restart done")
            rolled()

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
