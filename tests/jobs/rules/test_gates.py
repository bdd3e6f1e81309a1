"""What becomes of a slot that waits for other jobs' slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.rules import gates
from jobs.rules.gates import Course, Gate
from jobs.rules.trigger_rules import Rule

SINCE = datetime(2026, 3, 29, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DONE, FAILED, RUNS = ("succeeded", "", 1), ("failed", "", 1), ("running", "", 1)
LEFT_OUT, FOR_WANT = ("skipped", "OVERLAP", 1), ("skipped", "DEPENDENCY_FAILED", 1)


def gate(*within, rule=Rule.ALL_SUCCESS, hours=24, **more):
    return Gate(rule=rule, timeout=hours * HOUR, within=within, **more)


def decided(*given, after=timedelta()):
    found = gates.decide(given, since=SINCE, now=SINCE + after)
    return found.course, found.reason


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (gate(("succeeded", "", 24)), ("go", "")),
        (gate(("succeeded", "", 23), RUNS), ("wait", "")),
        (gate(("succeeded", "", 23), FAILED), ("skip", "DEPENDENCY_FAILED")),
        (gate(("succeeded", "", 23), LEFT_OUT), ("skip", "RULE_NOT_MET")),
        (gate(("succeeded", "", 23), LEFT_OUT, rule=Rule.NONE_FAILED), ("go", "")),
        (gate(FOR_WANT), ("skip", "DEPENDENCY_FAILED")),
        (gate(("cancelled", "", 1)), ("skip", "DEPENDENCY_FAILED")),
        (gate(latest=[DONE]), ("go", "")),
        (gate(latest=[FAILED]), ("skip", "DEPENDENCY_FAILED")),
        # What is newer counts alone.
        (gate(DONE, latest=[FAILED]), ("go", "")),
        (gate(), ("wait", "")),
        (gate(DONE, is_missing=True), ("wait", "")),
        (gate(latest=[DONE], is_missing=True), ("wait", "")),
        (gate(latest=[FAILED], is_missing=True), ("wait", "")),
        (gate(FAILED, is_missing=True, rule=Rule.ONE_FAILED), ("go", "")),
        (gate(rule=Rule.ALWAYS), ("go", "")),
    ],
)
def test_a_gate_is_judged_by_the_slots_that_count(given, expected):
    assert decided(given) == expected


def test_gates_of_one_rule_are_judged_together_and_each_rule_must_let_it():
    assert decided(gate(DONE, rule=Rule.ONE_SUCCESS), gate(FAILED, rule=Rule.ONE_SUCCESS)) == (Course.GO, "")
    assert decided(gate(DONE), gate(RUNS, rule=Rule.ALL_DONE)) == (Course.WAIT, "")


def test_a_wait_ends_with_the_shortest_time_limit_of_what_is_still_waited_for():
    given = gate(DONE, hours=1), gate(RUNS, hours=3), gate(hours=5)
    assert gates.decide(given, since=SINCE, now=SINCE + 2 * HOUR).until == SINCE + 3 * HOUR
    assert decided(*given, after=3 * HOUR) == (Course.SKIP, "DEPENDENCY_TIMEOUT")


def test_what_is_decided_is_not_late():
    assert decided(gate(DONE), after=1000 * HOUR) == (Course.GO, "")


@pytest.mark.parametrize(
    ("condition", "course"),
    [
        ("upstream.extract.result.rows > 0", "go"),
        ("upstream.extract.result.rows > 9", "skip"),
        ("upstream.extract.state == 'succeeded'", "go"),
        ("upstream.absent.result.rows > 0", "reject"),
        ("upstream.extract.result", "reject"),
    ],
)
def test_conditions_are_over_how_upstreams_ended(condition, course):
    upstream = {"extract": {"state": "succeeded", "result": {"rows": 3}}}
    found = gates.by_conditions([condition], upstream)
    assert found.course == course
    assert condition in found.reason or course != "reject"
