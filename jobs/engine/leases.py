"""A worker's right to run: one row per boot, renewed with its live process ids.

A thousand running executions cost one update. A process that dies is missing from the next renewal,
a worker that dies or is cut off lets its lease run out; either way the watchdog finds what they ran.
Past its own deadline a worker must assume that others run its executions: it kills its children and
writes nothing. That deadline runs on the boot-time clock from before the renewal was sent, with a
margin, so it is always earlier than the database's view.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings

from jobs import sql


def renew_every() -> float:
    """Seconds from one renewal to the next: two may fail before the lease is not trusted any more."""
    return settings.LEASE.total_seconds() / 3


def margin() -> float:
    """Seconds that a worker trusts its lease for less than the database does."""
    return settings.LEASE.total_seconds() / 6


def boot_time() -> float:
    """Seconds on a clock that also runs while the machine sleeps and that nobody can set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Lease:
    """The lease of this worker's boot. One per main process, made before it forks."""

    name: str = ""
    queues: Sequence[str] = ()
    pool: str = "prefork"
    concurrency: int = 1
    pid: int = 0
    id: UUID = field(default_factory=uuid4)
    #: Why it refuses jobs of some types, by the type.
    refuses: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False
    trusted_until: float = 0.0

    def renew(self, pids: Sequence[int]) -> None:
        """Tell the database we live, with these processes."""
        sent = boot_time()
        sql.run(
            "renew_lease",
            id=self.id,
            name=self.name,
            queues=list(self.queues),
            pool=self.pool,
            concurrency=self.concurrency,
            pid=self.pid,
            pids=list(pids),
            refuses=sql.json(dict(self.refuses)),
            draining=self.draining,
            lease=settings.LEASE,
        )
        self.trusted_until = sent + settings.LEASE.total_seconds() - margin()

    def end(self) -> None:
        """A clean end."""
        sql.run("end_lease", id=self.id)

    @property
    def is_trusted(self) -> bool:
        """Whether this worker may still speak for what it runs."""
        return boot_time() < self.trusted_until
