"""How much work slots are, by what the last runs of their jobs took, and how much workers can do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from jobs import sql
from jobs.models import Worker

#: Jobs whose history is looked up for one answer; of others nothing is known.
MOST_JOBS = 2_000
#: Ends of a job from which on it says how long it takes.
LEAST_ENDS = 3


@dataclass(slots=True)
class Work:
    """Slots, and the seconds of a worker they take: what half of the runs took at most, and what 95 of 100 did.

    ``unknown`` has a bit for each job of which nothing is known; its slots are in no seconds.
    """

    slots: int = 0
    known: int = 0
    usual: float = 0
    longest: float = 0
    unknown: int = 0

    def add(self, other: Work, *, times: int = 1) -> None:
        """So many times another one."""
        self.slots += other.slots * times
        self.known += other.known * times
        self.usual += other.usual * times
        self.longest += other.longest * times
        self.unknown |= other.unknown

    @property
    def jobs_unknown(self) -> int:
        """How many jobs' slots are in no seconds."""
        return self.unknown.bit_count()

    def minutes(self, seconds: float) -> float | None:
        """Worker-minutes; None if nothing is known of any of them, which is not nothing."""
        return round(seconds / 60, 3) if self.known else None


class _Bounded(Protocol):
    capped: bool


@dataclass(frozen=True, slots=True)
class Paces:
    """One slot of each job."""

    known: Mapping[UUID, Work]
    numbers: Mapping[UUID, int]

    def of(self, job: UUID) -> Work:
        """One slot of a job."""
        return self.known.get(job) or Work(slots=1, unknown=1 << self.numbers[job])


def paces(jobs: Iterable[tuple[UUID, UUID]], answer: _Bounded) -> Paces:
    """What one slot of each of these jobs (tenant, job) takes; the first :data:`MOST_JOBS` of them are looked up."""
    tenants = dict((job, tenant) for tenant, job in jobs)  # noqa: C402 - turned round
    asked = list(tenants)[:MOST_JOBS]
    answer.capped |= len(tenants) > len(asked)
    found: list[Any] = []
    if asked:
        found = sql.run("paces", tenants=[tenants[job] for job in asked], jobs=asked, least=LEAST_ENDS)
    known = {row.job_id: Work(slots=1, known=1, usual=row.usual, longest=row.longest) for row in found}
    return Paces(known, {job: number for number, job in enumerate(tenants)})


@dataclass(frozen=True, slots=True)
class Crew:
    """How many executions live workers can run at once, in all and of each queue."""

    slots: int
    by_queue: Mapping[str, int]


def crew(now: datetime) -> Crew:
    """The workers that live now."""
    by_queue: Counter[str] = Counter()
    slots = 0
    for queues, concurrency in Worker.objects.filter(lease_expires_at__gt=now, draining=False).values_list(
        "queues", "concurrency"
    ):
        slots += concurrency
        by_queue.update(dict.fromkeys(queues, concurrency))
    return Crew(slots, by_queue)
