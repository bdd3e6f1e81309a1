"""Conditions of dependencies are read strictly: over upstream alone, named jobs, and a yes or no."""

from __future__ import annotations

import pytest

from jobs.rules import conditions
from jobs.rules.conditions import InvalidCondition
from jobs.rules.expression_values import Budget


@pytest.mark.parametrize(
    ("source", "named", "value"),
    [
        ("upstream.extract.result.rows > 0", {"extract"}, True),
        ("upstream['nightly-check'].state == 'succeeded'", {"nightly-check"}, False),
        ("upstream.extract.result.rows > 9 or not upstream['nightly-check'].result", {"extract", "nightly-check"}, True),
        ("upstream.extract.result.tables[0] in ['a', 'b']", {"extract"}, True),
        ("upstream.extract.result[upstream['nightly-check'].state | default('rows')] == 7", {"extract", "nightly-check"}, True),
    ],
)  # fmt: skip
def test_conditions_read_what_upstreams_left(source, named, value):
    scope = {
        "extract": {"state": "succeeded", "result": {"rows": 7, "failed": 7, "tables": ["a"]}},
        "nightly-check": {"state": "failed", "result": None},
    }
    expression = conditions.parse(source)
    assert expression.upstreams == named
    assert expression.evaluate({"upstream": scope}, Budget()) is value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("upstream.extract.rows > 0", "an upstream has no 'rows'; it has id, state, reason, result (at character 1)"),
        ("upstream == 1", "write which job: upstream.<name>, or upstream['a-name'] (at character 1)"),
        ("upstream[upstream.a.result] == 1", "write which job"),
        ("upstream[0] == 1", "write which job"),
        ("1 == 1 and payload.x", "payload cannot be read here, only upstream (at character 12)"),
        ("secrets.token == 'a'", "a secret can only be inserted"),
        ("{{ upstream.a.result.ok }}", "leave out the braces"),
        ("upstream.a.result | length", "does not come to yes or no"),
        ("upstream.a.result ==", "cannot be read"),
        ("1 +", "+ cannot stand"),
        ("f == 1", "there is no 'f'"),
        ("1 == " + "1" * 1000, "is longer than 1000 characters (at character 1001)"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_all_else_is_refused_with_its_place(source, message):
    with pytest.raises(InvalidCondition) as refused:
        conditions.parse(source)
    assert message in str(refused.value)
