"""What a callable takes follows from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.callables.arguments import Arguments, InvalidArgumentsError, UnusableError
from jobs.handlers import Context
from tests.support.contexts import RecordingContext

CONTEXT = RecordingContext()


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    bound = Arguments(function).check(args, kwargs).bound(CONTEXT)
    return function(*bound.args, **bound.kwargs)


def problems(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[Any, str]:
    with pytest.raises(InvalidArgumentsError) as refused:
        Arguments(function).check(args, kwargs)
    return dict(refused.value.problems)


def everything(first: Any, /, second: int, third: Any = 3, *rest: Any, fourth: Any, fifth: Any = 5, **more: Any) -> Any:
    return (first, second, third, rest, fourth, fifth, more)


def order(region: str, since: date | None = None, *, limit: int = 10) -> Any:
    return (region, since, limit)


def test_every_kind_of_parameter_arrives_in_its_place():
    assert called(everything, 1, 2, fourth=4) == (1, 2, 3, (), 4, 5, {})
    assert called(everything, 1, 2, 30, 31, 32, fourth=4, six=6) == (1, 2, 30, (31, 32), 4, 5, {"six": 6})
    assert called(everything, 1, second=2, fourth=4, fifth=50) == (1, 2, 3, (), 4, 50, {})


@dataclass
class Money:
    amount: Decimal
    currency: str = "EUR"


def test_values_arrive_as_their_annotations_say():
    def pay(on: date, money: Money, shares: dict[str, Decimal]) -> Any:
        return on, money, shares

    result = called(pay, "2026-01-02", {"amount": "1.10"}, shares={"a": "0.5"})
    assert result == (date(2026, 1, 2), Money(Decimal("1.10")), {"a": Decimal("0.5")})


def test_each_problem_is_named_by_its_place():
    assert problems(order) == {("kwargs", "region"): "is required"}
    assert problems(order, "eu", regoin="us") == {
        ("kwargs", "regoin"): "is no parameter; it takes region, since, limit"
    }
    assert list(problems(order, 7, limit="many")) == [("args", 0), ("kwargs", "limit")]
    assert problems(order, "eu", None, 5) == {("args", 2): "is one too many; it takes region, since, limit"}
    assert list(problems(order, "eu", region="us")) == [("kwargs", "region")]


def test_a_problem_inside_a_value_is_named_down_to_it():
    def pay(monies: list[Money]) -> None: ...

    assert list(problems(pay, [{"amount": 1}, {"amount": "x"}])) == [("args", 0, 1, "amount")]
    assert list(problems(pay, monies=[{}])) == [("kwargs", "monies", 0, "amount")]


@pytest.mark.parametrize("args", [["eu"], []])
def test_context_is_passed_where_it_is_asked_for_and_is_nothing_a_payload_may_say(args):
    def by_name(context, region="eu"):
        return context, region

    def by_annotation(region: str = "eu", *, running: Context | None = None) -> Any:
        return running, region

    for function, name in ((by_name, "context"), (by_annotation, "running")):
        assert called(function, *args) == (CONTEXT, "eu")
        assert list(problems(function, **{name: {}})) == [("kwargs", name)]


def test_a_parameter_called_context_that_is_something_else_is_the_callers():
    def function(context: str) -> str:
        return context

    assert called(function, "mine") == "mine"


def test_schema_says_what_kwargs_are_valid():
    schema = Arguments(order).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"region": "eu", "since": "2026-01-01"}, schema)
    for wrong in ({}, {"region": 7}, {"region": "eu", "regoin": "us"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_default_that_json_cannot_hold_is_left_out_of_the_schema():
    def function(value: Any = CONTEXT) -> None: ...

    assert Arguments(function).schema["properties"]["value"].get("default") is None


def not_from_json(callback: Callable[[], None]) -> None: ...


def unknown_type(value: Nowhere) -> None: ...  # noqa: F821


def arbitrary(value: Arguments) -> None: ...


@pytest.mark.parametrize("function", [not_from_json, unknown_type, arbitrary])
def test_what_json_cannot_give_is_refused_beforehand(function):
    with pytest.raises(UnusableError):
        Arguments(function)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
NAMES = st.sampled_from(["first", "second", "third", "fourth", "fifth", "other"])
UNTYPED = Arguments(everything)


@given(args=st.lists(JSON, max_size=5), kwargs=st.dictionaries(NAMES, JSON, max_size=5), second=st.integers())
def test_what_is_accepted_is_exactly_what_python_would_accept(args, kwargs, second):
    if len(args) > 1:
        args[1] = second
    elif "second" in kwargs:
        kwargs["second"] = second
    try:
        expected = inspect.signature(everything).bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(InvalidArgumentsError):
            UNTYPED.check(args, kwargs)
    else:
        bound = UNTYPED.check(args, kwargs).bound(CONTEXT)
        assert everything(*bound.args, **bound.kwargs) == everything(*expected.args, **expected.kwargs)
