"""The one reason in words: for every state, from what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.rules import explaining
from jobs.rules.codes import Absence, Outlook, Wait
from jobs.rules.explaining import Ended, Hold, Slot
from jobs.rules.states import State
from jobs.rules.waiting import Waiting

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
SLOT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


def waiting(found: Waiting, **columns: Any) -> explaining.Reason:
    return explaining.waiting(found, **({"attempt": 1, "max_attempts": 3, "error_code": ""} | columns))


def test_a_full_cap_is_told_with_figures_place_and_pace():
    reason = waiting(Waiting(Wait.JOB_CAP, limit=20, used=20))
    told = explaining.explained(State.PENDING, reason, position=14, estimate=180.0)
    assert told.summary == "Waiting: its job is at 20/20 in flight; position 14; about 3 min"
    assert (told.reasons[0].limit, told.reasons[0].used) == (20, 20)


def test_the_first_in_line_needs_no_position_and_a_known_instant_no_estimate():
    reason = waiting(Waiting(Wait.NOT_DUE, until=NOW))
    told = explaining.explained(State.SCHEDULED, reason, position=1, estimate=60.0)
    assert told.summary == "Scheduled: it is due at 2026-11-21 07:00:00 UTC"


def test_a_back_off_says_which_attempt_why_and_until_when():
    reason = waiting(Waiting(Wait.BACK_OFF, until=NOW), attempt=2, error_code="TIMEOUT")
    assert reason.clause == (
        "attempt 2 of 3 comes after a back-off, since it ran longer than its time limit (TIMEOUT); "
        "until 2026-11-21 07:00:00 UTC"
    )
    deferred = waiting(Waiting(Wait.BACK_OFF, until=NOW))
    assert deferred.clause.startswith("attempt 1 asked to be looked at again later")


def test_a_rate_is_named_with_whose_it_is():
    reason = waiting(Waiting(Wait.RATE_LIMIT, until=NOW, rate="its queue's rate of 100/m"))
    assert reason.clause.startswith("its queue's rate of 100/m allows no further start just now; until")


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        ({}, "RUNNING", "its worker's lease holds"),
        ({"cancel_requested_at": NOW}, "CANCEL_REQUESTED", "asked at 2026-11-21 07:00:00 UTC"),
        ({"lease_holds": False, "cancel_requested_at": NOW}, "LEASE_EXPIRED", "not been heard of"),
    ],
)
def test_a_running_one_says_where_since_when_and_what_is_wrong(facts, code, said):
    known = {
        "since": NOW - timedelta(seconds=12), "now": NOW, "worker": "w@a", "attempt": 2, "max_attempts": 3, "timeout": 300.0,
        "lease_holds": True, "cancel_requested_at": None,
    }  # fmt: skip
    reason = explaining.running(**(known | facts))
    assert (reason.code, said in reason.clause) == (code, True), reason.clause
    assert "on w@a since 2026-11-21 06:59:48 UTC, attempt 2 of 3" in reason.clause
    if code == "RUNNING":
        assert "12 s of at most 5 min" in reason.clause
        assert reason.until == NOW - timedelta(seconds=12) + timedelta(minutes=5)


def test_a_late_slot_says_how_late_by_which_setting_and_who_held_it():
    hold = Hold(what="its job was held", since=SLOT, until=NOW, by="user:a@example.com")
    reason = explaining.skipped(
        Slot(reason=Absence.MISFIRE, at=SLOT, seen_at=NOW, setting="the schedule's misfire is skip", hold=hold)
    )
    assert reason.clause == (
        "it was seen too late, and the schedule's misfire policy leaves late slots out; seen 4 h 30 min late; "
        "the schedule's misfire is skip; its job was held from 2026-11-21 02:30:00 UTC to 2026-11-21 07:00:00 UTC "
        "by user:a@example.com"
    )
    assert reason.message.endswith("Run it by hand if it is needed, or choose another misfire policy.")


def test_a_folded_row_says_for_how_many_slots_it_stands():
    reason = explaining.skipped(
        Slot(reason=Absence.CATCHUP_EXPIRED, at=SLOT, seen_at=NOW, folded_until=NOW, folded_count=271)
    )
    assert reason.clause.endswith("so 271 slots from 2026-11-21 02:30:00 UTC to 2026-11-21 07:00:00 UTC")
    assert "late;" not in reason.clause


@pytest.mark.parametrize("reason", Absence)
def test_every_absence_makes_a_summary(reason):
    told = explaining.explained(State.SKIPPED, explaining.skipped(Slot(reason=reason, at=SLOT, seen_at=SLOT)))
    assert told.summary.startswith("Skipped: ")
    assert told.reasons[0].code == reason


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"attempt": 3}, "all 3 attempts are used up"),
        ({"attempt": 1, "max_attempts": 1}, "its one attempt is used up"),
        ({"attempt": 4, "crashes": 1}, "all 3 attempts are used up"),
        ({"attempt": 3, "crashes": 3, "error_code": "WORKER_LOST"}, "lost 3 times, which is the most"),
        ({"attempt": 2}, "after 2 of 3 attempts it was not to be tried again"),
        (
            {"attempt": 1, "error_code": "WORKER_LOST", "crashes": 1},
            "after 1 of 3 attempts it was not to be tried again",
        ),
        ({"started": False}, "it never started"),
    ],
)
def test_a_failed_one_says_why_it_is_not_tried_again(facts, said):
    known = {
        "error_code": "EXECUTION_FAILED", "message": "no", "attempt": 1, "max_attempts": 3, "crashes": 0, "started": True,
        "at": NOW, "letter": "open",
    }  # fmt: skip
    reason = explaining.failed(Ended(**(known | facts)))
    assert said in reason.clause
    assert reason.clause.endswith("; an open dead letter")
    assert reason.code == (known | facts)["error_code"]


def test_a_cancelled_one_says_by_whom_and_why_or_that_its_job_went():
    asked = explaining.cancelled(at=NOW, by="key:abc", why="wrong day")
    assert asked.clause == "on request at 2026-11-21 07:00:00 UTC by key:abc; reason: wrong day"
    assert "with its job, which was deleted" in explaining.cancelled(at=NOW, by="", with_its_job=True).clause


def test_a_succeeded_one_says_at_which_attempt_and_how_long_it_took():
    reason = explaining.succeeded(attempt=2, max_attempts=3, at=NOW, took=timedelta(seconds=12))
    assert reason.clause == "on attempt 2 of 3 at 2026-11-21 07:00:00 UTC after 12 s"


def test_whoever_holds_a_job_is_named_as_far_as_is_known():
    known = explaining.outlook(Outlook.JOB_PAUSED, hold=Hold(what="held", since=SLOT, by="user:a@example.com"))
    assert known.clause.endswith("; held since 2026-11-21 02:30:00 UTC by user:a@example.com")
    assert explaining.outlook(Outlook.JOB_PAUSED).clause == "the job is paused: its schedules are held"
