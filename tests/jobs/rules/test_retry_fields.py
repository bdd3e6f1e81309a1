"""Reading a job's ``retry`` object."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.rules import retry_fields
from jobs.rules.retries import RetryPolicy, RetryRule
from jobs.rules.retry_fields import InvalidRetry


def test_an_empty_object_is_the_default_policy() -> None:
    assert retry_fields.parse({}) == RetryPolicy()


def test_every_field_is_read() -> None:
    values = {
        "max_attempts": 5,
        "delay_seconds": 0.5,
        "backoff": "fixed",
        "factor": 3,
        "max_delay_seconds": 90,
        "jitter": False,
        "retry_on": ["TIMEOUT", "http:5xx"],
        "no_retry_on": ["http:4xx"],
        "on_worker_lost": False,
    }
    expected = values | {"retry_on": frozenset({"TIMEOUT", "http:5xx"}), "no_retry_on": frozenset({"http:4xx"})}
    assert retry_fields.parse(values) == RetryPolicy(**expected)  # type: ignore[arg-type]


def test_rules_and_a_condition_are_read() -> None:
    values = {
        "rules": [{"on": ["http:429", "TIMEOUT"], "delay_seconds": 5, "backoff": "fibonacci", "max_attempts": 9},
                  {"on": ["exit:2"], "retry": False}],
        "retry_if": "result.status == 'pending'",
    }  # fmt: skip
    assert retry_fields.parse(values) == RetryPolicy(
        rules=(
            RetryRule(on=frozenset({"http:429", "TIMEOUT"}), delay_seconds=5, backoff="fibonacci", max_attempts=9),
            RetryRule(on=frozenset({"exit:2"}), retry=False),
        ),
        retry_if="result.status == 'pending'",
    )


def test_a_long_delay_alone_raises_the_default_cap_with_it() -> None:
    assert retry_fields.parse({"delay_seconds": 7200}).max_delay_seconds == 7200


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ([], "retry", "must be an object"),
        ({"attempts": 3}, "attempts", "unknown field; known are max_attempts"),
        ({"max_attempts": 0}, "max_attempts", "from 1 to 100"),
        ({"max_attempts": 101}, "max_attempts", "from 1 to 100"),
        ({"max_attempts": True}, "max_attempts", "whole number"),
        ({"max_attempts": "3"}, "max_attempts", "whole number"),
        ({"max_attempts": 3.0}, "max_attempts", "whole number"),
        ({"delay_seconds": -1}, "delay_seconds", "from 0 to 604800"),
        ({"delay_seconds": float("nan")}, "delay_seconds", "must be a number"),
        ({"delay_seconds": None}, "delay_seconds", "must be a number"),
        ({"max_delay_seconds": 10**400}, "max_delay_seconds", "from 0 to 604800"),
        ({"delay_seconds": 10, "max_delay_seconds": 9}, "max_delay_seconds", "not be below delay_seconds (10)"),
        ({"factor": 0.5}, "factor", "from 1 to 10"),
        ({"backoff": "linear"}, "backoff", "fixed, exponential or fibonacci"),
        ({"backoff": ["fixed"]}, "backoff", "fixed, exponential or fibonacci"),
        ({"jitter": 1}, "jitter", "true or false"),
        ({"on_worker_lost": None}, "on_worker_lost", "true or false"),
        ({"retry_on": "TIMEOUT"}, "retry_on", "must be a list"),
        ({"rules": {}}, "rules", "at most 20 rules"),
        ({"rules": [{"on": ["TIMEOUT"]}] * 21}, "rules", "at most 20 rules"),
        ({"rules": ["TIMEOUT"]}, "rules[0]", "must be an object such as"),
        ({"rules": [{"on": ["TIMEOUT"]}, {}]}, "rules[1].on", "at least one"),
        ({"rules": [{"on": []}]}, "rules[0].on", "at least one"),
        ({"rules": [{"on": ["TIMOUT"]}]}, "rules[0].on", "neither a failure code"),
        ({"rules": [{"on": ["TIMEOUT"], "delay": 3}]}, "rules[0].delay", "known are on, delay_seconds"),
        ({"rules": [{"on": ["TIMEOUT"], "delay_seconds": -1}]}, "rules[0].delay_seconds", "from 0 to 604800"),
        ({"rules": [{"on": ["TIMEOUT"], "backoff": "none"}]}, "rules[0].backoff", "fibonacci"),
        ({"rules": [{"on": ["TIMEOUT"], "retry": "no"}]}, "rules[0].retry", "true or false"),
        ({"rules": [{"on": ["TIMEOUT"], "retry": False, "max_attempts": 2}]}, "rules[0]", "there is no retry"),
        ({"retry_if": True}, "retry_if", "must be an expression"),
        ({"retry_if": "result.status =="}, "retry_if", "cannot be read"),
        ({"retry_if": "event.name == 'a'"}, "retry_if", "only result"),
        ({"retry_on": ["TIMOUT"]}, "retry_on", "'TIMOUT' is neither a failure code"),
        ({"no_retry_on": [5]}, "no_retry_on", "neither a failure code"),
        ({"no_retry_on": [["TIMEOUT"]]}, "no_retry_on", "neither a failure code"),
        ({"retry_on": ["http:5xx"] * 51}, "retry_on", "at most 50"),
    ],
)
def test_a_bad_field_is_named(values: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidRetry) as refusal:
        retry_fields.parse(values)
    assert refusal.value.field == field
    assert message in refusal.value.message
