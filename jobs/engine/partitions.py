"""Weekly partitions, made ahead and dropped whole, through two functions of the owner's.

Both need for an instant a lock that everybody's statements conflict with, and whoever comes while they wait
for it queues behind them. So they wait for a fifth of a second at most, and try again after a pause.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import OperationalError, transaction

from jobs import sql

#: Executions first: an attempt's, log's or event's week is dropped only after its executions' week.
PARENTS = ("execution", "attempt", "execution_log", "event")
WEEKS_AHEAD = 4
#: Seconds between tries: whoever was in the way for this long stays longer, and the next hour tries again.
PAUSES = (0.1, 0.3, 1.0, 0.0)

log = structlog.get_logger(__name__)


def make_ahead() -> list[str]:
    """Make the weeks from the last to four ahead; returns what was made. A lock that is not free is tried next time."""
    weeks = [timedelta(weeks=week) for week in range(-1, WEEKS_AHEAD + 1)]
    made = [_try("make_partition", parent=parent, ahead=ahead) for parent in PARENTS for ahead in weeks]
    stray = sql.run("default_rows")[0].stray
    if stray:
        log.error(
            "partition.missing",
            rows=stray,
            meaning="rows lie in a DEFAULT partition; making their week takes them along",
        )
    return [row.made for rows in made for row in rows if row.made]


def drop_expired() -> list[str]:
    """Drop weeks that ended before the retention and hold nothing live; returns their names."""
    dropped: list[str] = []
    for parent in PARENTS:
        # One a transaction: its lock is not kept while the next week is searched for what is live.
        while rows := _try("drop_partitions", parent=parent, age=settings.RETENTION):
            dropped += [row.dropped for row in rows]
    return dropped


def _try(statement: str, **parameters: object) -> list[Any]:
    for pause in PAUSES:
        try:
            with transaction.atomic():
                sql.run("allow_minutes")
                return sql.run(statement, **parameters)
        except OperationalError as error:
            log.warning("partition.busy", statement=statement, problem=str(error))
        threading.Event().wait(pause)
    return []
