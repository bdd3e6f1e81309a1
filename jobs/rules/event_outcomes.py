"""What becomes of an event: as a whole, and with each schedule that waits for such a one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

#: Most schedules that one event may concern; with more it is refused, and nothing starts.
MOST_SCHEDULES = 100
#: Characters of an event's payload as JSON.
MOST_PAYLOAD = 128 * 1024
#: How long an event's key keeps another with the same key from counting.
DEDUP_WINDOW = timedelta(hours=24)
#: How long it is kept what became of an event.
KEPT_FOR = timedelta(days=7)
#: A run that waits for its events to settle waits so many times its debounce at most.
LONGEST_DEBOUNCE = 10


class Outcome(StrEnum):
    """What became of an event."""

    STARTED = "started"  # one run or more is made or moved
    LEFT_OUT = "left_out"  # schedules wait for it, and none took it
    UNMATCHED = "unmatched"  # no schedule waits for it
    DUPLICATE = "duplicate"  # its key was seen before
    REFUSED = "refused"  # it was not let in, and `problem` says why


class LeftOut(StrEnum):
    """Why a schedule that waits for such an event did not take this one."""

    FILTER = "FILTER"
    FILTER_FAILED = "FILTER_FAILED"
    PAUSED_SCHEDULE = "PAUSED_SCHEDULE"
    PAUSED_JOB = "PAUSED_JOB"
    DISABLED = "DISABLED"
    NOT_YET = "NOT_YET"
    ENDED = "ENDED"
    INVALID = "INVALID"
    QUOTA = "QUOTA"


WORDS: Mapping[LeftOut, str] = {
    LeftOut.FILTER: "its filter does not take it",
    LeftOut.FILTER_FAILED: "its filter could not be computed of it",
    LeftOut.PAUSED_SCHEDULE: "the schedule is paused",
    LeftOut.PAUSED_JOB: "its job is paused",
    LeftOut.DISABLED: "its job is disabled",
    LeftOut.NOT_YET: "it came before the schedule's start_at",
    LeftOut.ENDED: "the schedule has ended: it came after end_at, or max_runs is reached",
    LeftOut.INVALID: "the schedule is invalid",
    LeftOut.QUOTA: "the tenant had as many unfinished executions as it may",
}


def standing(
    *,
    state: str,
    job_state: str,
    start_at: datetime | None,
    end_at: datetime | None,
    max_runs: int | None,
    runs: int,
    now: datetime,
) -> LeftOut | None:
    """Why a schedule takes no event at all just now, whatever it holds; None if it does."""
    if state == "invalid":
        return LeftOut.INVALID
    if state == "ended" or (end_at is not None and now >= end_at) or (max_runs is not None and runs >= max_runs):
        return LeftOut.ENDED
    if state != "active":
        return LeftOut.PAUSED_SCHEDULE
    if job_state != "active":
        return LeftOut.PAUSED_JOB if job_state == "paused" else LeftOut.DISABLED
    return LeftOut.NOT_YET if start_at is not None and now < start_at else None
