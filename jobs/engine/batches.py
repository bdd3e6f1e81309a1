"""Packs what was admitted into messages, by how long each job's runs have taken.

Its first few executions in flight a tenant gets one by one and at the front of the broker's queue;
what it has beyond that, which only a tenant with a backlog has, goes behind, and there the short ones
share messages. So a flood of one tenant travels cheaply and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.engine.dispatch import Message
from jobs.rules import batches

#: Seconds for which what is known of a tenant's jobs is good.
FRESH = 3.0


@dataclass(slots=True)
class Paces:
    """How long jobs' runs take, read from their tenants' last successes. One for each engine."""

    _seconds: dict[UUID, float] = field(default_factory=dict)
    _read_at: dict[UUID, float] = field(default_factory=dict)

    def messages(self, rows: Sequence[Any], *, slots: int, batch_size: int) -> list[Message]:
        """Admitted ``rows`` as messages for a queue with so many live slots."""
        front = [row for row in rows if row.share <= slots]
        behind = [row for row in rows if row.share > slots]
        if batch_size > 1 and len(behind) > 2 * slots:
            self._read({row.tenant_id for row in behind}, monotonic())
            packed = batches.grouped(behind, expected=self._expected, slots=slots, most=batch_size)
        else:
            packed = [[row] for row in behind]
        return [*(Message([row]) for row in front), *map(partial(Message, behind=True), packed)]

    def _expected(self, row: Any) -> float | None:
        # Whatever has been tried before goes alone: perhaps it was what ended a batch.
        return self._seconds.get(row.job_id) if row.epoch == 0 else None

    def _read(self, tenants: set[UUID], now: float) -> None:
        stale = [tenant for tenant in tenants if self._read_at.get(tenant, float("-inf")) < now - FRESH]
        if not stale:
            return
        if len(self._seconds) > 100_000:
            self._seconds.clear()
        self._read_at = {tenant: at for tenant, at in self._read_at.items() if at >= now - FRESH}
        self._read_at |= dict.fromkeys(stale, now)
        rows = sql.run("paces", tenants=stale, least=batches.LEAST_SAMPLES)
        self._seconds |= {row.job_id: row.seconds for row in rows}
