"""Every reason code of an execution: why it did not run, why it failed, what it waits for."""

from __future__ import annotations

from enum import StrEnum


class Absence(StrEnum):
    """Why a slot has an execution in state ``skipped`` instead of a run."""

    PAUSED_SCHEDULE = "PAUSED_SCHEDULE"
    PAUSED_JOB = "PAUSED_JOB"
    PAUSED_TENANT = "PAUSED_TENANT"
    PAUSED_TAG = "PAUSED_TAG"
    DISABLED = "DISABLED"
    OVERLAP = "OVERLAP"
    BLACKOUT = "BLACKOUT"
    HOLIDAY = "HOLIDAY"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    QUOTA = "QUOTA"
    MISFIRE = "MISFIRE"
    CATCHUP_EXPIRED = "CATCHUP_EXPIRED"
    DST_GAP = "DST_GAP"
    DST_FOLD = "DST_FOLD"
    NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
    EXPIRED = "EXPIRED"
    SKIPPED_BY_HAND = "SKIPPED_BY_HAND"
    REPLACED = "REPLACED"
    DEPENDENCY_FAILED = "DEPENDENCY_FAILED"
    DEPENDENCY_TIMEOUT = "DEPENDENCY_TIMEOUT"
    RULE_NOT_MET = "RULE_NOT_MET"
    CONDITION_FALSE = "CONDITION_FALSE"


class Failure(StrEnum):
    """Why an attempt or an execution failed."""

    EXECUTION_FAILED = "EXECUTION_FAILED"
    TIMEOUT = "TIMEOUT"
    WORKER_LOST = "WORKER_LOST"
    UNSAFE_TARGET = "UNSAFE_TARGET"
    PAYLOAD_INVALID = "PAYLOAD_INVALID"
    RESOURCE_LIMIT = "RESOURCE_LIMIT"
    RESULT_REFUSED = "RESULT_REFUSED"
    NOT_APPROVED = "NOT_APPROVED"
    CONFIG_INVALID = "CONFIG_INVALID"


class Wait(StrEnum):
    """What an execution that has not started waits for."""

    NOT_DUE = "NOT_DUE"
    BACK_OFF = "BACK_OFF"
    TENANT_SUSPENDED = "TENANT_SUSPENDED"
    QUEUE_PAUSED = "QUEUE_PAUSED"
    MAINTENANCE = "MAINTENANCE"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    NO_ENGINE = "NO_ENGINE"
    NO_WORKER = "NO_WORKER"
    TENANT_CAP = "TENANT_CAP"
    QUEUE_CAP = "QUEUE_CAP"
    JOB_CAP = "JOB_CAP"
    KEY_CAP = "KEY_CAP"
    RATE_LIMIT = "RATE_LIMIT"
    PACE = "PACE"
    OPERATION_PAUSED = "OPERATION_PAUSED"
    OVERLAP = "OVERLAP"
    JOB_DISABLED = "JOB_DISABLED"
    BEHIND_OTHERS = "BEHIND_OTHERS"
    FREE_WORKER = "FREE_WORKER"
    AWAITING_UPSTREAM = "AWAITING_UPSTREAM"
    SUSPENDED = "SUSPENDED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    TAG_PAUSED = "TAG_PAUSED"
    AWAITING_EXECUTOR = "AWAITING_EXECUTOR"


class Course(StrEnum):
    """How an execution stands that neither waits for something nor went wrong."""

    BLOCKED = "BLOCKED"
    RUNNING = "RUNNING"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    LEASE_EXPIRED = "LEASE_EXPIRED"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    RUN_ANYWAY = "RUN_ANYWAY"


class Outlook(StrEnum):
    """Why a job or a schedule starts nothing by itself, or that it will."""

    TENANT_SUSPENDED = "TENANT_SUSPENDED"
    JOB_DISABLED = "JOB_DISABLED"
    JOB_PAUSED = "JOB_PAUSED"
    NO_SCHEDULE = "NO_SCHEDULE"
    SCHEDULE_INVALID = "SCHEDULE_INVALID"
    SCHEDULE_PAUSED = "SCHEDULE_PAUSED"
    SCHEDULE_ENDED = "SCHEDULE_ENDED"
    QUEUE_PAUSED = "QUEUE_PAUSED"
    MAINTENANCE = "MAINTENANCE"
    TAG_PAUSED = "TAG_PAUSED"
    NO_ENGINE = "NO_ENGINE"
    NO_WORKER = "NO_WORKER"
    NO_EXECUTOR = "NO_EXECUTOR"
    QUOTA = "QUOTA"
    NEXT_RUN = "NEXT_RUN"
    WAITS_FOR_EVENT = "WAITS_FOR_EVENT"


#: Any of them.
Code = Absence | Failure | Wait | Course | Outlook
KINDS: tuple[type[Code], ...] = (Absence, Failure, Wait, Course, Outlook)

#: The first part of ``waiting_on``, which names what a parked one is parked under.
_WAITS = {
    "job": Wait.JOB_CAP,
    "slot": Wait.OVERLAP,
    "held": Wait.JOB_DISABLED,
    "key": Wait.KEY_CAP,
    "rate": Wait.RATE_LIMIT,
    "keyrate": Wait.RATE_LIMIT,
    "op": Wait.PACE,
    "shut": Wait.MAINTENANCE,
    "tag": Wait.TAG_PAUSED,
    "exec": Wait.AWAITING_EXECUTOR,
}
#: The same by what is waited for, as clients name it.
PARKS = {wait.value: tuple(part for part, each in _WAITS.items() if each is wait) for wait in _WAITS.values()}


def wait_of(waiting_on: str) -> Wait | None:
    """What ``waiting_on`` stands for; None for a row that is not parked."""
    return _WAITS[waiting_on.partition(":")[0]] if waiting_on else None


def is_of_key(waiting_on: str) -> bool:
    """Whether it waits for a token of its concurrency key, and not of its job."""
    return waiting_on.startswith("keyrate:")
