"""What the domain refuses, beside the family in :mod:`tenants.errors`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import OperationalError

from tenants.errors import Invalid, ServiceError, invalid

__all__ = [
    "Conflict",
    "Cycle",
    "Invalid",
    "InvalidSchedule",
    "InvalidState",
    "NotForYou",
    "RevisionInvalid",
    "TaskLocked",
    "invalid",
    "locking",
]


#: PostgreSQL's word for a lock that was not got in time.
LOCK_NOT_AVAILABLE = "55P03"


class Conflict(ServiceError):
    """Something else has that place already: choose another, or change what is there."""

    code = "CONFLICT"


class Cycle(Conflict):
    """These would depend on each other, so none of them could begin: `details.path` names them."""

    code = "CYCLE"

    def __init__(self, names: Sequence[str], *, field: str) -> None:
        path = " → ".join(names)
        text = f"these jobs would wait for each other: {path}"
        super().__init__(f"{field}: {text}", details={field: [text], "path": list(names)})


class NotForYou(ServiceError):
    """It is for others to decide on this: `details.may_decide` names who may."""

    code = "NOT_FOR_YOU"
    status = 403


class TaskLocked(ServiceError):
    """Another request or operation holds this job: try again shortly."""

    code = "TASK_LOCKED"
    retry_after = 2

    def __init__(self, job: str = "") -> None:
        super().__init__(
            f"another request or operation holds the job {job!r}: try again shortly" if job else "",
            details={"job": job} if job else None,
        )


@contextmanager
def locking(job: str) -> Iterator[None]:
    """Around a wait for a lock on a job or its schedules; ``job`` is its name.

    The wait ends with the log-in's ``lock_timeout``. The caller's block is undone, as by any refusal.
    """
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise TaskLocked(job) from None


class InvalidSchedule(Invalid):
    """This schedule cannot fire as written; see details."""

    code = "INVALID_SCHEDULE"


class InvalidState(ServiceError):
    """That cannot be done in this state: `details.allowed_actions` says what can."""

    code = "INVALID_STATE"

    def __init__(self, message: str, *, state: str, allowed_actions: Sequence[str]) -> None:
        super().__init__(message, details={"state": str(state), "allowed_actions": list(allowed_actions)})


class Gone(ServiceError):
    """This artifact is over: its time has passed, or its bytes are lost. Run the job again for a new one."""

    code = "GONE"
    status = 410

    def __init__(self, why: str = "") -> None:
        super().__init__(f"this artifact is over: {why}. Run the job again for a new one" if why else "")


class RevisionInvalid(ServiceError):
    """That revision is not valid any more: change the job instead, or bring back what is gone."""

    code = "REVISION_INVALID"
    status = 422


class BadRange(ServiceError):
    """The range begins behind the end: ask for one within the bytes that Content-Range names."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416
