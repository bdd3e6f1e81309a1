"""Why a running handler must stop now: raised in it, and known to handlers as jobs.handlers' own."""

from __future__ import annotations


class Interrupted(BaseException):
    """Raised inside a running handler when it must stop now. Not an Exception, so `except Exception` lets it pass."""


class Cancelled(Interrupted):
    """Somebody asked for this execution to be cancelled."""


class TimedOut(Interrupted):
    """The attempt's time is over."""


class Released(Interrupted):
    """The worker shuts down; the same attempt runs again elsewhere, unpunished."""


class LeaseLost(Interrupted):
    """The worker may no longer speak for this execution: stop and write nothing."""
