"""Packs what was admitted into messages, by how long each job's runs have taken.

What a tenant without a backlog has goes one by one and at the front of the broker's queue, up to a few;
whatever one with a backlog has goes behind, and there the short ones share messages. So a flood of one
tenant travels cheaply and stands in nobody's way. All backlogs wait in one line: with some of each at the
front, whoever waited behind would keep what it waits for in flight, get no more, and start less than its
weight says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.engine.dispatch import Message
from jobs.rules import batches

#: Seconds for which a job's pace is good at most, and for which it is not asked again whether there is one by now. Not long, and
#: at first twice the shorter, then twice as long each time: runs take several times as long alone as they do in a batch, and the
#: first few, alone, are all there is to go by.
KNOWN = 2.0
UNKNOWN = 0.1
#: Jobs kept in mind at most.
MOST_JOBS = 100_000


def _waits_behind(row: Any, slots: int) -> bool:
    return bool(row.has_backlog or row.share > slots)


@dataclass(slots=True)
class Paces:
    """How long jobs' runs take, by what is stored of them. One for each engine."""

    #: By job: what its runs usually take, None if that is not known or not always quick, when to ask again, and how long that is.
    _known: dict[UUID, tuple[float | None, float, float]] = field(default_factory=dict)

    def messages(self, rows: Sequence[Any], *, slots: int, batch_size: int) -> Iterator[Message]:
        """Admitted ``rows`` as messages for a queue with so many live slots, those for the front first."""
        yield from (Message([row]) for row in rows if not _waits_behind(row, slots))
        behind = [row for row in rows if _waits_behind(row, slots)]
        if batch_size > 1 and len(behind) > 2 * slots:
            self._read(behind, monotonic())
            packed = batches.grouped(behind, expected=self._expected, slots=slots, most=batch_size)
        else:
            packed = [[row] for row in behind]
        yield from (Message(together, behind=True) for together in packed)

    def _expected(self, row: Any) -> float | None:
        # Whatever has been tried before goes alone: perhaps it was what ended a batch.
        return self._known[row.job_id][0] if row.epoch == 0 else None

    def _read(self, rows: Sequence[Any], now: float) -> None:
        wanted = {row.job_id: row.tenant_id for row in rows}
        stale = {job: tenant for job, tenant in wanted.items() if self._known.get(job, (None, now))[1] <= now}
        if not stale:
            return
        if len(self._known) > MOST_JOBS:
            self._known = {job: known for job, known in self._known.items() if job in wanted}
        found = sql.run("paces", tenants=[*stale.values()], jobs=[*stale], least=batches.LEAST_SAMPLES)
        good = {job: self._known.get(job, (None, now, UNKNOWN))[2] for job in stale}
        self._known |= dict.fromkeys(stale, (None, now + UNKNOWN, UNKNOWN))
        for row in found:
            good_for = min(2 * good[row.job_id], KNOWN)
            self._known[row.job_id] = batches.pace(longest=row.longest, usual=row.usual), now + good_for, good_for
