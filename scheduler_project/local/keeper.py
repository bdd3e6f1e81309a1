"""Keeps one program running: after a crash, and through its replacement."""

from __future__ import annotations

import asyncio
import time

from scheduler_project.local.child import Child, Program, describe
from scheduler_project.local.output import Output

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0


class Pause:
    """How long to wait before the next start of what keeps ending."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lifetime: float) -> float:
        """0.5 s after a minute's life, else twice the last pause, at most 30 s."""
        if lifetime >= STEADY_SECONDS:
            self._next = FIRST_PAUSE
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE)
        return pause


class Keeper:
    """One program, kept running by one process, and by two while the new one takes over."""

    def __init__(self, program: Program, output: Output) -> None:
        self.program = program
        self._output = output
        self._turn = 1
        self._started: list[Child] = []
        self.current = self._start()

    async def keep(self) -> None:
        """Starts the program again whenever it ends, until cancelled."""
        pause = Pause()
        while True:
            child = self.current
            status = await child.wait()
            if child is self.current and not child.dismissed:
                seconds = pause.after(time.monotonic() - child.started_at)
                self._output.say(
                    f"{self.program.name} has ended ({describe(status)}); starting it again in {seconds:g} s"
                )
                await asyncio.sleep(seconds)
            if child is self.current:
                self.current = self._start()

    async def replace(self) -> None:
        """Exchanges the process; a new one that does not come up leaves the old one at work."""
        if not self.program.overlaps:
            old = self.current
            await old.stop()
            if self.current is old:
                self.current = self._start()
            await self.current.wait_ready()
            return
        self._turn = 3 - self._turn
        new = self._start()
        if not await new.wait_ready():
            self._output.say(f"the new {self.program.name} has ended ({describe(await new.wait())}); the old one stays")
            return
        old, self.current = self.current, new
        await old.stop()

    async def stop(self) -> None:
        """Ends every process of the program."""
        await asyncio.gather(*(child.stop() for child in self._started if child.alive))

    def _start(self) -> Child:
        child = Child(self.program, self._turn, self._output.line)
        self._started = [*(other for other in self._started if other.alive), child]
        return child
