"""A job's ``retry`` object, as JSON, read strictly into a :class:`jobs.rules.retries.RetryPolicy`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jobs.rules import result_conditions
from jobs.rules.codes import Failure
from jobs.rules.retries import LONGEST_DELAY, RetryPolicy, RetryRule

_LONGEST = int(LONGEST_DELAY.total_seconds())
_MAX_PATTERNS = 50
_MAX_RULES = 20
_BACKOFFS = ("fixed", "exponential", "fibonacci")
_TAG = re.compile(r"[a-z][a-z0-9_]{0,31}:[A-Za-z0-9_.\-]{1,64}", re.ASCII)


class InvalidRetry(ValueError):
    """A retry policy that cannot be followed. ``field`` is inside ``retry``; ``message`` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def parse(values: Mapping[str, Any]) -> RetryPolicy:
    """The policy of a JSON object; fields left out have the defaults of :class:`RetryPolicy`."""
    if not isinstance(values, Mapping):
        raise InvalidRetry("retry", 'must be an object such as {"max_attempts": 3}')
    for name in values:
        if name not in _READERS:
            raise InvalidRetry(str(name), f"unknown field; known are {', '.join(_READERS)}")
    read = {name: _READERS[name](name, value) for name, value in values.items()}
    policy = RetryPolicy(**read)
    if policy.max_delay_seconds >= policy.delay_seconds:
        return policy
    if "max_delay_seconds" in values:
        message = f"must not be below delay_seconds ({policy.delay_seconds:g}); raise it or lower that"
        raise InvalidRetry("max_delay_seconds", message)
    return replace(policy, max_delay_seconds=policy.delay_seconds)


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidRetry(name, f"must be a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidRetry(name, f"must be a number from {low:g} to {high:g}")
        return value

    return read


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRetry(name, "must be true or false")
    return value


def _backoff(name: str, value: object) -> str:
    if value not in _BACKOFFS:
        raise InvalidRetry(name, "must be fixed, exponential or fibonacci")
    return str(value)


def _patterns(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_PATTERNS:
        raise InvalidRetry(name, f"must be a list of at most {_MAX_PATTERNS} failure codes and tags")
    for item in value:
        if not isinstance(item, str) or (item not in set(Failure) and not _TAG.fullmatch(item)):
            known = ", ".join(Failure)
            raise InvalidRetry(name, f"{item!r:.80} is neither a failure code ({known}) nor a tag such as http:5xx")
    return frozenset(value)


def _rules(name: str, value: object) -> tuple[RetryRule, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_RULES:
        raise InvalidRetry(name, f"must be a list of at most {_MAX_RULES} rules")
    return tuple(_rule(f"{name}[{index}]", rule) for index, rule in enumerate(value))


def _rule(place: str, values: object) -> RetryRule:
    if not isinstance(values, Mapping):
        raise InvalidRetry(place, 'must be an object such as {"on": ["http:429"], "delay_seconds": 60}')
    for name in values:
        if name not in _OF_RULES:
            raise InvalidRetry(f"{place}.{name}", f"unknown field; known are {', '.join(_OF_RULES)}")
    rule = RetryRule(**{"on": frozenset(), **{n: _OF_RULES[n](f"{place}.{n}", value) for n, value in values.items()}})
    if not rule.on:
        raise InvalidRetry(f"{place}.on", "must name at least one failure code or tag")
    if not rule.retry and len(values) > 2:
        raise InvalidRetry(place, "says that there is no retry, so leave out how it would be")
    return rule


def _condition(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRetry(name, "must be an expression such as result.status == 'pending'")
    try:
        result_conditions.check(value)
    except result_conditions.InvalidCondition as error:
        raise InvalidRetry(name, str(error)) from None
    return value


_OF_RULES: dict[str, Callable[[str, object], Any]] = {
    "on": _patterns,
    "delay_seconds": _number(0, _LONGEST),
    "backoff": _backoff,
    "max_attempts": _whole(1, 100),
    "retry": _flag,
}

_READERS: dict[str, Callable[[str, object], Any]] = {
    "max_attempts": _whole(1, 100),
    "delay_seconds": _number(0, _LONGEST),
    "backoff": _backoff,
    "factor": _number(1, 10),
    "max_delay_seconds": _number(0, _LONGEST),
    "jitter": _flag,
    "retry_on": _patterns,
    "no_retry_on": _patterns,
    "on_worker_lost": _flag,
    "rules": _rules,
    "retry_if": _condition,
}
