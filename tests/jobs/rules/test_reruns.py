"""Which steps of a run run again."""

from __future__ import annotations

import pytest

from jobs.rules import reruns

#: extract ─► clean ─► load ─► report; extract ─► count ─► report; clean ─► tidy
GRAPH = {
    "extract": [], "clean": ["extract"], "load": ["clean"], "count": ["extract"], "report": ["load", "count"],
    "tidy": ["clean"],
}  # fmt: skip


def standing(**changed: str) -> dict[str, tuple[str, str]]:
    states = dict.fromkeys(GRAPH, "succeeded") | changed
    return {name: (state, "DEPENDENCY_FAILED" if state == "skipped" else "") for name, state in states.items()}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["extract"], set(GRAPH)),
        (["load"], {"load", "report"}),
        (["count", "tidy"], {"count", "tidy", "report"}),
        ([], set()),
    ],
)
def test_what_is_chosen_takes_all_after_it_along(chosen, expected):
    assert reruns.with_all_after(GRAPH, chosen) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, set()),
        ({"load": "failed", "report": "skipped"}, {"load", "report"}),
        ({"clean": "cancelled", "load": "skipped", "report": "skipped"}, {"clean", "load", "report", "tidy"}),
        ({"count": "failed", "report": "succeeded"}, {"count", "report"}),
        ({"tidy": "running", "load": "failed"}, {"load", "report"}),
    ],
)
def test_a_run_goes_on_from_what_failed_and_what_else_succeeded_stays(states, expected):
    assert reruns.to_resume(GRAPH, standing(**states)) == expected


def test_what_was_left_out_for_another_reason_does_not_run_again():
    assert reruns.to_resume(GRAPH, standing() | {"tidy": ("skipped", "SKIPPED_BY_HAND")}) == set()


def test_whatever_is_under_way_is_in_the_way_and_what_is_blocked_waits_on():
    found = standing(load="running", report="blocked", count="scheduled")
    assert reruns.in_the_way(GRAPH, found) == ["count", "load"]
    assert reruns.replaced({"report", "tidy"}, found) == {"tidy"}
