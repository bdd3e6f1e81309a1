"""``retry_if``: what may be written, and what becomes of a result that it cannot be computed of."""

from __future__ import annotations

import pytest

from jobs.rules import expression_language, result_conditions
from jobs.rules.expression_values import InvalidExpression
from jobs.rules.result_conditions import InvalidCondition, Verdict

RESULT = {"status": "pending", "rows": 0, "items": [{"ok": False}], "done": False}


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("", False),
        ("result.status == 'pending'", True),
        ("result.status in ['failed', 'gone'] or result.rows < 1", True),
        ("result.rows > 0", False),
        ("not result.done", True),
        ("not result.items[0].ok", True),
        ("result.missing | default(false)", False),
    ],
)
def test_a_condition_refuses_or_takes_a_result(source: str, refused: bool) -> None:
    result_conditions.check(source)
    assert result_conditions.judge(source, RESULT) == Verdict(refused)


@pytest.mark.parametrize(
    ("source", "result", "problem"),
    [
        ("result.status == 'pending'", {"rows": 1}, "there is no 'status', only rows"),
        ("result.status == 'pending'", None, "'status' cannot be read of"),
        ("result.rows < 1", {"rows": "many"}, ""),
        ("result.done", {"done": "no"}, "not to yes or no"),
        ("payload ==", {}, "cannot be read any more"),
    ],
)
def test_what_cannot_be_computed_is_told_and_refuses_nothing(source: str, result: object, problem: str) -> None:
    verdict = result_conditions.judge(source, result)
    assert not verdict.is_true
    assert verdict.problem
    assert problem in verdict.problem


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ result.status == 'x' }}", "leave out the braces"),
        ("result.status ==", "cannot be read"),
        ("payload.id == 1", "payload cannot be read here, only result (at character 1)"),
        ("'a' ~ result.status", "does not come to yes or no"),
        ("results.rows < 1", "there is no 'results'; there are result, payload"),
        ("result.rows < 1 and " * 30 + "true", "is longer than 500 characters"),
    ],
)
def test_a_condition_that_cannot_be_followed_is_refused(source: str, message: str) -> None:
    with pytest.raises(InvalidCondition) as caught:
        result_conditions.check(source)
    assert message in str(caught.value)


def test_payloads_know_no_result() -> None:
    with pytest.raises(InvalidExpression, match="there is no 'result'"):
        expression_language.parse("result.rows")
