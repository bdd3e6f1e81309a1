"""Trying again while the database is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg
import structlog
from django.db import Error, InterfaceError, OperationalError, connection

from jobs.engine.leases import boot_time

T = TypeVar("T")

#: What a statement itself is too much for, though it is told as trouble of the server.
_TOO_MUCH = "54"

log = structlog.get_logger(__name__)


def patiently(action: Callable[[], T], *, until: float) -> T | None:
    """``action``'s answer; again on a fresh connection while the database is away, up to a boot-time instant, then None."""
    pause = 0.05
    while True:
        try:
            return action()
        except Error as error:
            if not _is_away(error):
                raise
            connection.close()
            if boot_time() + pause > until:
                log.error("database.away", problem=str(error))  # noqa: TRY400 - the traceback tells nothing more
                return None
            threading.Event().wait(pause)
            pause = min(pause * 2, 1.0)


def _is_away(error: Error) -> bool:
    """Whether it is the server's trouble: one that only reads is no longer the primary, or is about to be."""
    cause = error.__cause__
    if isinstance(cause, psycopg.errors.ReadOnlySqlTransaction):
        return True
    state = getattr(cause, "sqlstate", None) or ""
    return isinstance(error, OperationalError | InterfaceError) and not state.startswith(_TOO_MUCH)
