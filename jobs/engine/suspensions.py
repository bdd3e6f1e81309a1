"""Executions that have begun and wait for what somebody else ends: suspended, without a worker.

    running ──Suspend──► blocked, resume_at = so long ahead ──that comes, or woken──► scheduled ─► … ─► running, the same attempt
       ▲
       └─ woken while it still runs: resume_at stays, so that it goes on at once when it is suspended

Whoever ends what is waited for calls :func:`wake` in the transaction that ends it, and rings. A claim forgets what came
before it: its handler looks at what it waits for after that. Nothing is lost by a crash: the instant is a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from uuid import UUID

from jobs import sql
from jobs.engine import transitions

BATCH = 500
#: Seconds after which admission has its turn again.
LONGEST = 0.1


def wake(execution_ids: Sequence[UUID]) -> int:
    """What these wait for has ended, in the open transaction. Returns how many of them had begun and not ended.

    The caller rings after commit.
    """
    return len(sql.run("wake", ids=list(execution_ids))) if execution_ids else 0


def resume_due() -> int:
    """Let those go on that were woken, or have waited for as long as they wanted to. Returns how many."""
    resumed, until = 0, monotonic() + LONGEST
    while count := transitions.resume(limit=BATCH):
        resumed += count
        if count < BATCH or monotonic() > until:
            break
    return resumed
