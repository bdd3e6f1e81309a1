"""What every code means, in words: the one source for the API, the console and the docs.

A sentence is made of a clause and, for who can do something, advice: "its queue is paused" and "Resume the queue to
let it go on." A clause may be said with figures, as far as they are known and may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rules.codes import Absence, Code, Course, Failure, Outlook, Wait


@dataclass(frozen=True, slots=True)
class Words:
    """``counted`` says it with ``{used}`` and ``{limit}``, ``limited`` where the use is not known."""

    plain: str
    advice: str = ""
    counted: str = ""
    limited: str = ""

    def clause(self, *, limit: int | None = None, used: int | None = None) -> str:
        """Without a capital and a full stop."""
        if limit is not None and used is not None and self.counted:
            return self.counted.format(limit=limit, used=used)
        if limit is not None and self.limited:
            return self.limited.format(limit=limit)
        return self.plain


_ABSENCES: Mapping[Absence, Words] = {
    Absence.PAUSED_SCHEDULE: Words("its schedule was paused", "Resume the schedule, or run this again by hand."),
    Absence.PAUSED_JOB: Words("its job was paused", "Resume the job, or run this again by hand."),
    Absence.PAUSED_TAG: Words("a tag of its job was paused", "Run it by hand if it is needed."),
    Absence.PAUSED_TENANT: Words("its tenant was suspended", "Activate the tenant, then run this again by hand."),
    Absence.DISABLED: Words(
        "its job was disabled, and what was due meanwhile is forgotten", "Run it by hand if it is needed."
    ),
    Absence.OVERLAP: Words(
        "the run before it was still under way",
        "Allow overlaps, make the job shorter, or let it run less often.",
    ),
    Absence.BLACKOUT: Words("it fell into a maintenance window", "Run it by hand if it is needed, or move the window."),
    Absence.HOLIDAY: Words(
        "a calendar of its schedule leaves that day out", "Run it by hand if it is needed, or have such days shifted."
    ),
    Absence.OUTSIDE_WINDOW: Words(
        "its schedule's execution window was closed", "Run it by hand if it is needed, or let such slots wait."
    ),
    Absence.QUOTA: Words("its tenant had as many unfinished executions as it may", "Let some end, or raise its quota."),
    Absence.MISFIRE: Words(
        "it was seen too late, and the schedule's misfire policy leaves late slots out",
        "Run it by hand if it is needed, or choose another misfire policy.",
    ),
    Absence.CATCHUP_EXPIRED: Words(
        "it was seen later than the schedule's catch-up window",
        "Run it by hand if it is needed, or make the window longer.",
    ),
    Absence.DST_GAP: Words(
        "clocks were put forward: this local time did not exist, and the schedule leaves such slots out"
    ),
    Absence.DST_FOLD: Words("clocks were put back: this local time came twice, and the schedule runs only once"),
    Absence.NO_LONGER_NEEDED: Words(
        "what it belonged to, a recovery, a backfill or a map, was stopped, trimmed, or had too many failures",
        "Run it by hand if it is needed after all.",
    ),
    Absence.EXPIRED: Words(
        "it waited longer than its job's max_wait_seconds", "Run it by hand if it is still needed, or make room for it."
    ),
    Absence.SKIPPED_BY_HAND: Words("somebody left it out, and said why", "Run it by hand if it is needed after all."),
    Absence.REPLACED: Words("a later request with the same deduplication key took its place"),
    Absence.DEPENDENCY_FAILED: Words(
        "a job before it failed", "Look at what failed; then resume the workflow run, or run this by hand."
    ),
    Absence.DEPENDENCY_TIMEOUT: Words(
        "the jobs before it did not end in time", "Look what keeps them, or raise the gate's time limit."
    ),
    Absence.RULE_NOT_MET: Words("how the jobs before it ended does not meet its trigger rule"),
    Absence.CONDITION_FALSE: Words("the condition on the results before it was false"),
}

_FAILURES: Mapping[Failure, Words] = {
    Failure.EXECUTION_FAILED: Words("what it ran reported a failure", "Read its message and its log."),
    Failure.TIMEOUT: Words("it ran longer than its time limit", "Make it faster, or raise the job's timeout_seconds."),
    Failure.WORKER_LOST: Words(
        "the process that ran it died or lost its lease",
        "Look whether it was killed for want of memory, or its machine restarted.",
    ),
    Failure.UNSAFE_TARGET: Words(
        "it would have reached an address that jobs may not reach",
        "Name another address, or have the host allowed for the tenant.",
    ),
    Failure.PAYLOAD_INVALID: Words(
        "its payload is not valid for its type once it was worked out",
        "Correct the job's payload, then replay it.",
    ),
    Failure.RESULT_REFUSED: Words(
        "its job's retry_if does not accept the result", "Look at the result, or at the condition."
    ),
    Failure.NOT_APPROVED: Words(
        "somebody decided against it, or nobody decided in time", "Read why; to ask again, replay it."
    ),
    Failure.RESOURCE_LIMIT: Words("it used more than it may", "Let it produce or take less, or split it."),
    Failure.CONFIG_INVALID: Words(
        "it cannot be run as it is stored", "Correct what the message names, then replay it."
    ),
}

_ENGINE = "Start one: what is due meanwhile is made good, as its schedule's misfire says."
_WAITS: Mapping[Wait, Words] = {
    Wait.NOT_DUE: Words("it is not due yet"),
    Wait.BACK_OFF: Words("it was tried before and is tried again later"),
    Wait.TENANT_SUSPENDED: Words("its tenant is suspended", "Activate the tenant to let it go on."),
    Wait.QUEUE_PAUSED: Words("its queue is paused", "Resume the queue to let it go on."),
    Wait.MAINTENANCE: Words("a maintenance window is open", "It goes on when the window closes, or is ended."),
    Wait.OUTSIDE_WINDOW: Words("its execution window is closed", "It goes on when the window opens."),
    Wait.NO_ENGINE: Words("no engine has been heard of", _ENGINE),
    Wait.NO_WORKER: Words("no live worker takes work of its queue", "Start one."),
    Wait.TENANT_CAP: Words(
        "its tenant has as much in flight as it may", counted="its tenant is at {used}/{limit} in flight"
    ),
    Wait.QUEUE_CAP: Words(
        "its queue carries as much as it may",
        counted="its queue is at {used}/{limit} in flight",
        limited="its queue carries as much as it may, which is {limit}",
    ),
    Wait.JOB_CAP: Words("its job has as much in flight as it may", counted="its job is at {used}/{limit} in flight"),
    Wait.KEY_CAP: Words(
        "as much is in flight under its concurrency key as may be",
        counted="under its concurrency key {used}/{limit} are in flight",
    ),
    Wait.RATE_LIMIT: Words("the rate limit allows no further start just now"),
    Wait.PACE: Words(
        "the recovery or backfill it belongs to keeps to its pace",
        "Let it start more at a time, if live work leaves room.",
        counted="the recovery or backfill it belongs to is at {used}/{limit} in flight",
    ),
    Wait.OPERATION_PAUSED: Words(
        "the recovery or backfill it belongs to is paused", "Resume the operation to let it go on."
    ),
    Wait.OVERLAP: Words("the run before it is still under way"),
    Wait.JOB_DISABLED: Words("its job is disabled", "Activate the job to let it go on."),
    Wait.BEHIND_OTHERS: Words("others of its tenant go before it"),
    Wait.FREE_WORKER: Words("the next free worker of its queue takes it"),
    Wait.AWAITING_UPSTREAM: Words("the jobs before it have not ended"),
    Wait.AWAITING_APPROVAL: Words("it waits for somebody to decide", "Approve or reject it, if you may."),
    Wait.SUSPENDED: Words(
        "it has begun, and waits without a worker for what somebody else ends",
        "It goes on when that has ended, and looks by itself at the instant named at the latest.",
    ),
    Wait.TAG_PAUSED: Words("a tag of its job is paused", "Resume the tag to let it go on."),
    Wait.AWAITING_EXECUTOR: Words(
        "it waits for an executor to claim it", "Start one that fits, or give it more places: see docs/executors.md."
    ),
}

_COURSES: Mapping[Course, Words] = {
    Course.BLOCKED: Words("it waits for others to end, or for an approval"),
    Course.RUNNING: Words("a worker is at it"),
    Course.CANCEL_REQUESTED: Words("somebody asked for it to be cancelled; its worker has not acknowledged yet"),
    Course.LEASE_EXPIRED: Words(
        "its worker has not been heard of for longer than its lease",
        "The watchdog gives it to another worker within seconds.",
    ),
    Course.SUCCEEDED: Words("it did its work"),
    Course.CANCELLED: Words("it was cancelled"),
    Course.RUN_ANYWAY: Words("its slot was run anyway, by somebody or by a backfill"),
}

_OUTLOOKS: Mapping[Outlook, Words] = {
    Outlook.TENANT_SUSPENDED: Words("the tenant is suspended", "Activate the tenant."),
    Outlook.JOB_DISABLED: Words("the job is disabled", "Activate the job."),
    Outlook.JOB_PAUSED: Words(
        "the job is paused: its schedules are held", "Resume the job, or run it by hand meanwhile."
    ),
    Outlook.NO_SCHEDULE: Words("it has no schedule, so it runs only when asked", "Add a schedule, or run it by hand."),
    Outlook.SCHEDULE_INVALID: Words("the schedule cannot be planned", "Correct the schedule."),
    Outlook.SCHEDULE_PAUSED: Words("the schedule is paused", "Resume the schedule."),
    Outlook.SCHEDULE_ENDED: Words("the schedule has no further slot", "Change its rule, or add another schedule."),
    Outlook.QUEUE_PAUSED: Words("the queue is paused, so nothing there starts", "Resume the queue."),
    Outlook.MAINTENANCE: Words(
        "a maintenance window is open, so nothing of it starts", "It goes on when the window closes, or is ended."
    ),
    Outlook.TAG_PAUSED: Words("a tag of it is paused, so nothing of it starts", "Resume the tag to let it go on."),
    Outlook.NO_ENGINE: Words("no engine has been heard of, so nothing starts", _ENGINE),
    Outlook.NO_WORKER: Words("no live worker takes work of the queue", "Start one."),
    Outlook.NO_EXECUTOR: Words("no executor claims work of it", "Start one that fits: see docs/executors.md."),
    Outlook.QUOTA: Words(
        "the tenant has as many unfinished executions as it may, so slots are skipped",
        "Let some end, or raise its quota.",
        counted="the tenant has {used} of {limit} unfinished executions, so slots are skipped",
    ),
    Outlook.NEXT_RUN: Words("it runs next when its schedule says"),
    Outlook.WAITS_FOR_EVENT: Words("it waits for an event", "Send one at POST /events, or through a hook."),
}

_TABLE: Mapping[type[Code], Mapping[Any, Words]] = {
    Absence: _ABSENCES,
    Failure: _FAILURES,
    Wait: _WAITS,
    Course: _COURSES,
    Outlook: _OUTLOOKS,
}


def of(code: Code) -> Words:
    """The words of a code. One text may be a code of several kinds: which one is meant is in its type."""
    return _TABLE[type(code)][code]


def of_failure(code: str) -> Words:
    """The same for what a handler may have named itself."""
    return of(Failure(code)) if code in set(Failure) else Words(f"it failed with {code}")


def sentence(clause: str, advice: str = "") -> str:
    """A clause made a sentence, with what to do after it."""
    begun = clause[:1].upper() + clause[1:]
    return f"{begun}{'' if begun.endswith('.') else '.'} {advice}".strip()


def told(code: Code) -> str:
    """Clause and advice, without figures."""
    words = of(code)
    return sentence(words.plain, words.advice)
