"""Weekly partitions, made ahead and dropped whole, through two functions of the owner's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import OperationalError

from jobs import sql

#: Executions first: an attempt's, log's or event's week is dropped only after its executions' week.
PARENTS = ("execution", "attempt", "execution_log", "event")
WEEKS_AHEAD = 4

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
    dropped = [_try("drop_partitions", parent=parent, age=settings.RETENTION) for parent in PARENTS]
    return [row.dropped for rows in dropped for row in rows]


def _try(statement: str, **parameters: object) -> list[Any]:
    try:
        return sql.run(statement, **parameters)
    except OperationalError as error:
        log.warning("partition.busy", statement=statement, problem=str(error))
        return []
