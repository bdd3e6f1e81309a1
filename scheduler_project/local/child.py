"""One running process of a program: its start, its output, its end.

It runs in a session of its own, so that Ctrl-C reaches the supervisor alone, and is killed when
the supervisor dies. What it leaves behind of its process group is killed when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler_project.env import ROOT
from scheduler_project.local import deathsig

MAX_LINE_BYTES = 65_536
#: A process that lives this long without saying that it is ready, as at LOG_LEVEL=error, is taken to be.
READY_SECONDS = 30.0


@dataclass(frozen=True)
class Program:
    """What a supervisor keeps running.

    ``{turn}`` in an argument is 1 or 2, alternating by rolling restart, for names that the old and
    the new process must not share. ``ready`` is part of the line it prints once it is up. ``stage``
    orders the stop: a stage stops once the lower ones have ended. ``grace`` is the seconds from
    SIGTERM to SIGKILL. ``overlaps`` says whether two may run at a time. A ``last`` one starts once
    the others are up. ``fds`` are handed down.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    ready: str
    grace: float = 10.0
    stage: int = 0
    overlaps: bool = True
    last: bool = False
    fds: tuple[int, ...] = ()


class Child:
    """A process of ``program``, started with it. Needs a running event loop, in the main thread."""

    def __init__(self, program: Program, turn: int, show: Callable[[str, str], None]) -> None:
        self.program = program
        self.started_at = time.monotonic()
        self.dismissed = False
        self._show = show
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._end: asyncio.Future[int] = self._loop.create_future()
        argv = [part.replace("{turn}", str(turn)) for part in program.argv]
        self._process = subprocess.Popen(
            deathsig.command(*argv, signal=signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(program.env),
            cwd=ROOT,
            start_new_session=True,
            pass_fds=program.fds,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._loop.add_reader(self._pipe.fileno(), self._read)
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._take_end)

    @property
    def alive(self) -> bool:
        return not self._end.done()

    async def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it, once it has ended."""
        return await asyncio.shield(self._end)

    async def wait_ready(self) -> bool:
        """Whether it is up: true as soon as it says so, false once it has ended instead."""
        ready = asyncio.create_task(self._ready.wait())
        either: list[asyncio.Future[Any]] = [ready, self._end]
        await asyncio.wait(either, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self.alive

    async def stop(self) -> None:
        """Asks it to end, kills it after its grace, and returns when it is gone."""
        if self.alive and not self.dismissed:
            self.dismissed = True
            self._process.terminate()
        await asyncio.wait({self._end}, timeout=self.program.grace)
        if self.alive:
            self._show(self.program.name, f"still there {self.program.grace:g} s after SIGTERM: killed")
            self._process.kill()
        await self.wait()

    def _take_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        status = self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._read()
        self._close_pipe()
        self._end.set_result(status)

    def _read(self) -> None:
        """Takes what the pipe holds now. A grandchild may keep it open after the end: nobody waits for that."""
        while not self._pipe.closed:
            try:
                chunk = os.read(self._pipe.fileno(), MAX_LINE_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe()
                return
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._take_line(line)
            if len(self._rest) > MAX_LINE_BYTES:
                self._take_rest()

    def _close_pipe(self) -> None:
        if not self._pipe.closed:
            self._take_rest()
            self._loop.remove_reader(self._pipe.fileno())
            self._pipe.close()

    def _take_rest(self) -> None:
        line, self._rest = self._rest, b""
        if line:
            self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        if self.program.ready in text:
            self._ready.set()
        self._show(self.program.name, text)


def describe(status: int) -> str:
    """A process's end in words."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
