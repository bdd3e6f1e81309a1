"""What keeps an execution from starting: the first thing an operator would have to lift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.rules.codes import Wait
from jobs.rules.states import TERMINAL, State
from jobs.rules.waiting import Facts, Limit, Maintenance, Waiting, seconds_left, waiting_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SHUT = Maintenance(until=LATER, why="It moves.")
FULL, EASING, DRY = Limit(is_full=True), Limit(is_full=True, eases_at=LATER), Limit(token_at=LATER)


def pending(**facts: Any) -> Waiting | None:
    return waiting_for(Facts(state=State.PENDING, not_before=NOW, **facts))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Waiting(Wait.FREE_WORKER)),
        ({"ahead": 7}, Waiting(Wait.BEHIND_OTHERS, ahead=7)),
        ({"queue": FULL, "ahead": 7}, Waiting(Wait.QUEUE_CAP)),
        ({"queue": DRY, "ahead": 7}, Waiting(Wait.RATE_LIMIT, until=LATER)),
        ({"tenant": FULL, "queue": FULL}, Waiting(Wait.TENANT_CAP)),
        ({"tenant": EASING}, Waiting(Wait.TENANT_CAP, until=LATER)),
        ({"tenant": DRY, "queue": FULL}, Waiting(Wait.RATE_LIMIT, until=LATER)),
        ({"waiting_on": "job:x", "tenant": FULL}, Waiting(Wait.JOB_CAP)),
        ({"waiting_on": "job:x", "job": Limit(eases_at=LATER)}, Waiting(Wait.JOB_CAP, until=LATER)),
        ({"waiting_on": "key:x:a:b"}, Waiting(Wait.KEY_CAP)),
        ({"waiting_on": "rate:x", "job": DRY}, Waiting(Wait.RATE_LIMIT, until=LATER)),
        ({"waiting_on": "keyrate:x", "key": DRY, "job": FULL}, Waiting(Wait.RATE_LIMIT, until=LATER)),
        ({"waiting_on": "slot:x"}, Waiting(Wait.OVERLAP)),
        ({"waiting_on": "held:x"}, Waiting(Wait.JOB_DISABLED)),
        ({"waiting_on": "op:x", "pace": Limit(is_full=True, most=4, used=4)}, Waiting(Wait.PACE, limit=4, used=4)),
        ({"waiting_on": "op:x", "operation_paused": True}, Waiting(Wait.OPERATION_PAUSED)),
        ({"lane": Limit(is_full=True, most=1, used=1), "ahead": 7}, Waiting(Wait.PACE, limit=1, used=1)),
        ({"has_worker": False, "waiting_on": "job:x", "ahead": 3}, Waiting(Wait.NO_WORKER)),
        ({"waiting_on": "shut:x"}, Waiting(Wait.MAINTENANCE)),
        ({"maintenance": SHUT, "has_worker": False}, Waiting(Wait.MAINTENANCE, until=LATER, why="It moves.")),
        ({"maintenance": SHUT, "queue_paused": True}, Waiting(Wait.QUEUE_PAUSED)),
        ({"queue_paused": True, "has_worker": False}, Waiting(Wait.QUEUE_PAUSED)),
        ({"tenant_suspended": True, "queue_paused": True}, Waiting(Wait.TENANT_SUSPENDED)),
        ({"engine_silent": "since noon", "tenant_suspended": True}, Waiting(Wait.NO_ENGINE, why="since noon")),
    ],
)
def test_a_pending_one_waits_for_what_must_be_lifted_first(facts, expected):
    assert pending(**facts) == expected


def test_a_scheduled_one_waits_for_its_instant_and_a_tried_one_for_its_back_off():
    assert waiting_for(Facts(state="scheduled", not_before=LATER)) == Waiting(Wait.NOT_DUE, until=LATER)
    assert waiting_for(Facts(state="scheduled", not_before=LATER, tries=1)) == Waiting(Wait.BACK_OFF, until=LATER)


def test_a_scheduled_one_outside_its_hours_waits_for_them():
    facts = Facts(state="scheduled", not_before=LATER, outside_window=True)
    assert waiting_for(facts) == Waiting(Wait.OUTSIDE_WINDOW, until=LATER)


def test_a_published_one_waits_for_a_free_worker():
    assert waiting_for(Facts(state="queued", not_before=NOW)) == Waiting(Wait.FREE_WORKER)


def test_a_blocked_one_that_has_begun_is_suspended():
    found = waiting_for(Facts(state="blocked", not_before=NOW, tries=1, gives_up_at=LATER))
    assert found == Waiting(Wait.SUSPENDED, until=LATER)


@pytest.mark.parametrize("state", [*sorted(TERMINAL), State.RUNNING, State.BLOCKED])
def test_nothing_is_said_of_one_that_has_started_or_ended(state):
    assert waiting_for(Facts(state=state, not_before=NOW)) is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"tenant": Limit(is_full=True, most=5, used=6)}, Waiting(Wait.TENANT_CAP, limit=5, used=6)),
        ({"queue": Limit(is_full=True, most=5)}, Waiting(Wait.QUEUE_CAP, limit=5)),
        ({"waiting_on": "job:x", "job": Limit(most=3, used=3)}, Waiting(Wait.JOB_CAP, limit=3, used=3)),
        ({"waiting_on": "key:x:a", "key": Limit(most=1, used=1)}, Waiting(Wait.KEY_CAP, limit=1, used=1)),
        ({"queue": Limit(token_at=LATER, rate="r")}, Waiting(Wait.RATE_LIMIT, until=LATER, rate="r")),
    ],
)
def test_a_cap_is_told_with_its_figures_as_far_as_they_are_known(facts, expected):
    assert pending(**facts) == expected


@pytest.mark.parametrize(
    ("found", "position", "per_second", "seconds"),
    [
        (Waiting(Wait.BEHIND_OTHERS, ahead=13), 14, 0.1, 140.0),
        (Waiting(Wait.JOB_CAP, limit=3, used=3), 2, 0.5, 4.0),
        (Waiting(Wait.TENANT_CAP, limit=3, used=3, until=LATER), 2, 0.5, 4.0),
        (Waiting(Wait.TENANT_CAP, limit=0, used=0, until=LATER), 2, 0.5, 300.0),
        (Waiting(Wait.TENANT_CAP, limit=0, used=0), 2, 0.5, None),
        (Waiting(Wait.BACK_OFF, until=LATER), None, None, 300.0),
        (Waiting(Wait.RATE_LIMIT, until=NOW - timedelta(seconds=1)), 1, None, 0.0),
        (Waiting(Wait.BEHIND_OTHERS, ahead=13), 14, None, None),
        (Waiting(Wait.KEY_CAP, limit=1, used=1), 1, 0.5, None),
        (Waiting(Wait.NO_WORKER), 1, 0.5, None),
        (Waiting(Wait.FREE_WORKER), 1, 0.5, None),
    ],
)
def test_how_long_it_takes_is_said_where_somebody_can_know(found, position, per_second, seconds):
    assert seconds_left(found, position=position, per_second=per_second, now=NOW) == seconds
