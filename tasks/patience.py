"""Trying again while the database is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from jobs.engine.leases import boot_time

T = TypeVar("T")

log = structlog.get_logger(__name__)


def patiently(action: Callable[[], T], *, until: float) -> T | None:
    """``action``'s answer; again on a fresh connection while the database is away, up to a boot-time instant, then None."""
    pause = 0.05
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if boot_time() + pause > until:
                log.error("database.away", problem=str(error))  # noqa: TRY400 - the traceback tells nothing more
                return None
            threading.Event().wait(pause)
            pause = min(pause * 2, 1.0)
