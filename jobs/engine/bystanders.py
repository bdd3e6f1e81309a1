"""Transactions that may still act on what they read of a job before somebody changed it.

Planning and triggering read a job and then insert its execution, in the queue the job named when it was
read; nothing but their end says that they are through. No lock of ours would make them hurry, and none
is taken: the way in which an index is built concurrently.
"""

from __future__ import annotations

from datetime import timedelta
from time import monotonic, sleep

from jobs import sql

#: Theirs take milliseconds; a backup, which has read everything too, takes longer than anybody waits.
PATIENCE = timedelta(seconds=2)
_BETWEEN_LOOKS = 0.02


def are_gone(patience: timedelta = PATIENCE) -> bool:
    """Wait for everybody who has read jobs by now; False if somebody is still there after that long."""
    waited_for, until = _readers(), monotonic() + patience.total_seconds()
    while waited_for := waited_for & _readers():
        if monotonic() > until:
            return False
        sleep(_BETWEEN_LOOKS)
    return True


def _readers() -> set[str]:
    return {row.reader for row in sql.run("readers_of_jobs")}
