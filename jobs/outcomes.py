"""How a handler ends other than by returning: what it raises, and what is raised in it. Part of the job-type contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from jobs.rules.codes import Failure

#: Anything json.dumps takes.
Json = Any


class HandlerError(Exception):
    """The attempt failed; the job's retry policy decides what follows.

    ``code`` is one of :class:`jobs.rules.codes.Failure`; ``tags`` are finer marks that
    ``retry_on`` and ``no_retry_on`` may name, such as ``http:503`` and ``http:5xx``;
    ``result`` is stored with the attempt although it failed.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = Failure.EXECUTION_FAILED,
        tags: Iterable[str] = (),
        result: Json = None,
    ) -> None:
        super().__init__(message)
        self.code = str(code)
        self.tags = frozenset(tags)
        self.result = result


class PermanentFailure(HandlerError):
    """Trying again cannot help: no retry, whatever the policy says."""


class RetryLater(HandlerError):
    """Failed, and the other side said when to try again; counts as an attempt."""

    def __init__(
        self,
        message: str,
        *,
        delay: timedelta,
        code: str = Failure.EXECUTION_FAILED,
        tags: Iterable[str] = (),
        result: Json = None,
    ) -> None:
        super().__init__(message, code=code, tags=tags, result=result)
        self.delay = delay


class SoftTimeLimit(HandlerError):
    """Raised once in a running callable at the job's ``soft_timeout_seconds``: catch it, tidy up and return what there is.

    Whoever lets it pass has failed with ``TIMEOUT``.
    """

    def __init__(self) -> None:
        super().__init__("it did not end by itself at soft_timeout_seconds", code=Failure.TIMEOUT)


class Defer(Exception):
    """Not yet: look again after ``delay``. The same attempt goes on, and nothing is counted.

    ``keep`` is stored until then, bounded and masked like a result, and found by ``Context.kept``, after a crash too.
    """

    def __init__(self, delay: timedelta, keep: Json = None) -> None:
        super().__init__(f"deferred for {delay.total_seconds():g} s")
        self.delay = delay
        self.keep = keep


class Suspend(Exception):
    """It waits for something that somebody else ends, and holds no worker meanwhile.

    The same attempt goes on, and nothing is counted, when it is woken (jobs.engine.suspensions.wake), or after ``at_most``
    at the latest. So what it waits for may have ended or not when it runs again: it looks, and suspends once more if it must.
    """

    def __init__(self, at_most: timedelta) -> None:
        super().__init__(f"suspended for {at_most.total_seconds():g} s at most")
        self.at_most = at_most


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
