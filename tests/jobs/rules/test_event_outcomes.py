"""Why a schedule takes no event at all just now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.rules import event_outcomes
from jobs.rules.event_outcomes import WORDS, LeftOut

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GOOD = {"state": "active", "job_state": "active", "start_at": None, "end_at": None, "max_runs": None, "runs": 0}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, None),
        ({"start_at": NOW, "end_at": NOW + SECOND, "max_runs": 2, "runs": 1}, None),
        ({"start_at": NOW + SECOND}, LeftOut.NOT_YET),
        ({"end_at": NOW}, LeftOut.ENDED),
        ({"max_runs": 2, "runs": 2}, LeftOut.ENDED),
        ({"state": "ended"}, LeftOut.ENDED),
        ({"state": "invalid"}, LeftOut.INVALID),
        ({"state": "paused"}, LeftOut.PAUSED_SCHEDULE),
        ({"job_state": "paused"}, LeftOut.PAUSED_JOB),
        ({"job_state": "disabled"}, LeftOut.DISABLED),
        ({"state": "paused", "job_state": "disabled", "end_at": NOW}, LeftOut.ENDED),
    ],
)
def test_what_stands_in_the_way_first_is_the_reason(said, reason):
    assert event_outcomes.standing(**{**GOOD, **said}, now=NOW) == reason


def test_every_reason_has_words():
    assert set(WORDS) == set(LeftOut)
