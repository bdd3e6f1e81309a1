"""The attempt that is running here, for code that was not handed its context.

Known in the thread the attempt runs in, in the threads of its fan-out, and wherever else its
context variables were copied to. Outside of any attempt nothing here does harm, so a callable can be
called in a test or a shell.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jobs.handlers import Context

_running: ContextVar[Context | None] = ContextVar("carillon_attempt", default=None)


def context() -> Context | None:
    """The running attempt's context; None outside of any."""
    return _running.get()


def progress(fraction: float, message: str = "") -> None:
    """Report how far it is, 0 to 1."""
    if running := context():
        running.progress(fraction, message)


def log(message: str, *, level: str = "info") -> None:
    """Append to the execution's log; outside of any, to standard logging."""
    if running := context():
        running.log(message, level=level)
    else:
        logging.getLogger(__name__).log(logging.getLevelNamesMapping().get(level.upper(), logging.INFO), message)


def cancelled() -> bool:
    """Whether it must stop: what runs in a thread cannot be interrupted and has to ask."""
    running = context()
    return running is not None and running.cancelled


@contextmanager
def entered(running: Context) -> Iterator[None]:
    """Make a context the current one for the length of the block."""
    token = _running.set(running)
    try:
        yield
    finally:
        _running.reset(token)
