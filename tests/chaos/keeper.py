"""Keeps the processes there are meant to be, as the supervisor of `make up` does, and says what it did."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from tests.chaos.history import History
from tests.support.stack import Stack, wait_for
from tests.support.stack_member import Member

LOOK_SECONDS = 0.1
PAUSE_SECONDS = 0.5


class Keeper:
    """One thread that lives as long as the stand: the processes are tied to the thread that starts them."""

    def __init__(self, carillon: Stack, wanted: Mapping[str, int], history: History) -> None:
        self._carillon = carillon
        self._wanted = wanted
        self._history = history
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper")
        self._members: list[Member] = []
        self._due: list[tuple[float, str]] = []
        self.restarts = 0

    def start(self, seconds: float = 240.0) -> None:
        """Returns when all are up."""
        self._thread.start()
        self.wait_complete(seconds)

    def wait_complete(self, seconds: float = 240.0) -> None:
        """Until every process there is meant to be has said that it is up."""
        wait_for(lambda: len(self.up()) == sum(self._wanted.values()), seconds, "every process is up")

    def stop(self) -> None:
        """Start nothing any more. What runs stays."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def up(self, role: str = "") -> list[Member]:
        """Living processes that have said they are up, of one role or all; oldest first."""
        return [
            member for member in tuple(self._members) if role in ("", member.role) and member.alive and member.ready
        ]

    def _keep(self) -> None:
        for role, count in self._wanted.items():
            self._members += [self._carillon.launch(role) for _ in range(count)]
        while not self._stopping.wait(LOOK_SECONDS):
            for member in [one for one in self._members if not one.alive]:
                status = member.reap()
                self._members.remove(member)
                self._due.append((time.monotonic() + PAUSE_SECONDS, member.role))
                self._history.note("ended", role=member.role, pid=member.pid, status=status)
            for entry in [one for one in self._due if one[0] <= time.monotonic()]:
                self._due.remove(entry)
                member = self._carillon.launch(entry[1])
                self._members.append(member)
                self.restarts += 1
                self._history.note("started", role=member.role, pid=member.pid)
        # Their lives hang on this thread's.
        self._history.note("kept", restarts=self.restarts)
