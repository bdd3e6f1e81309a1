"""Whether the system keeps up, in one sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from monitoring.admin import verdict
from monitoring.admin.verdict import Pulse

WELL: dict[str, Any] = {
    "oldest_ready": timedelta(seconds=4),
    "in_flight": 12,
    "in_flight_is_capped": False,
    "workers": 3,
    "tick": timedelta(milliseconds=400),
    "ring": timedelta(seconds=1),
}


def _of(**measured: Any) -> verdict.Verdict:
    return verdict.verdict(
        Pulse(**(WELL | measured)), engine_stale=timedelta(seconds=10), beat_stale=timedelta(seconds=15)
    )


def test_keeping_up_says_all_that_was_measured() -> None:
    found = _of()
    assert found.sentence == "Keeping up: oldest ready 4 s, 12 in flight, 3 workers live, last tick 400 ms ago."
    assert (found.tone, found.advice) == ("good", "")


def test_open_maintenance_windows_are_told() -> None:
    assert _of(shut=1).sentence.endswith(", 1 maintenance window open.")
    late = _of(shut=2, oldest_ready=timedelta(seconds=61))
    assert "2 maintenance windows open" in late.sentence
    assert late.advice.startswith("What a maintenance window holds waits for its end.")


@pytest.mark.parametrize(
    ("measured", "tone", "beginning"),
    [
        ({"tick": None}, "bad", "Standing still"),
        ({"tick": timedelta(seconds=11)}, "bad", "Standing still"),
        ({"tick": timedelta(seconds=11), "workers": 0}, "bad", "Standing still"),
        ({"workers": 0}, "bad", "Nothing can run"),
        ({"oldest_ready": timedelta(seconds=61)}, "warning", "Falling behind"),
        ({"ring": timedelta(seconds=16)}, "warning", "Keeping up, without beat"),
        ({"ring": None}, "warning", "Keeping up, without beat"),
        ({"oldest_ready": None}, "good", "Keeping up: nothing waits"),
        ({"workers": 1, "in_flight": 10_000, "in_flight_is_capped": True}, "good", "Keeping up"),
    ],
)
def test_the_worst_that_is_true_is_said_with_advice(measured: dict[str, Any], tone: str, beginning: str) -> None:
    found = _of(**measured)
    assert (found.tone, found.sentence.startswith(beginning)) == (tone, True)
    assert bool(found.advice) == (tone != "good")


def test_counts_are_capped_and_one_worker_is_one() -> None:
    sentence = _of(workers=1, in_flight=10_000, in_flight_is_capped=True).sentence
    assert "more than 10000 in flight" in sentence
    assert "1 worker live" in sentence
