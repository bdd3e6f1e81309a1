"""One process of a stack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from scheduler_project.env import ROOT
from scheduler_project.local import deathsig
from scheduler_project.local.child import Program
from tests.support.patience import Patience

READY_SECONDS = 60.0
END_SECONDS = 120.0


class Member:
    """Started with its construction; its output goes to ``log``; killed when the starting thread ends."""

    def __init__(self, program: Program, turn: int, log: Path) -> None:
        self.role = program.name
        self.log = log
        self._ready = program.ready
        self._was_ready = False
        argv = [part.replace("{turn}", str(turn)) for part in program.argv]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                deathsig.command(*argv, signal=signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(program.env),
                cwd=ROOT,
                start_new_session=True,
                pass_fds=program.fds,
            )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Until it says that it is up."""
        patience = Patience(READY_SECONDS)
        while not self.ready:
            if not self.alive or patience.over:
                raise AssertionError(f"{self.role} does not start:\n{self.tail(40)}")
            time.sleep(0.05)

    def children(self) -> list[int]:
        """Its child processes' pids, of all its threads."""
        found = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # a thread that ended meanwhile
                found += [int(pid) for pid in task.read_text().split()]
        return sorted(found)

    @property
    def ready(self) -> bool:
        """Whether it has said that it is up."""
        self._was_ready = self._was_ready or self._ready in self.log.read_text(errors="replace")
        return self._was_ready

    def send(self, number: signal.Signals) -> None:
        """Send a signal and go on."""
        if self.alive:
            self._process.send_signal(number)

    def reap(self) -> int:
        """How it ended, now that it has; whatever it left of its group goes too."""
        status = self._process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return status

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; returns how it ended, as subprocess says it."""
        if self.alive:
            self._process.send_signal(number)
        try:
            return self._process.wait(END_SECONDS)
        finally:
            # Whatever it left of its group, as a supervisor does; also a process that did not end.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def tail(self, lines: int) -> str:
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
