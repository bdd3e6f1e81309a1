"""What a failed attempt says of its items is what the next one reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.handlers import HandlerError
from tasks import items
from tasks.fan_out import Outcome
from tasks.items import Earlier


def ended(*succeeded: int, failed: tuple[int, ...] = ()) -> list[Outcome]:
    return [
        *(Outcome(index, result=f"r{index}") for index in succeeded),
        *(Outcome(index, error=HandlerError("broke")) for index in failed),
    ]


@given(succeeded=st.sets(st.integers(0, 60)))
def test_the_next_attempt_knows_who_succeeded_and_with_what(succeeded):
    result = items.summary(ended(*succeeded, failed=(61,)), 70, Earlier())
    known = items.earlier(result)
    assert known.items == succeeded
    assert known.results == {index: f"r{index}" for index in succeeded}


def test_ranges_are_written_as_people_write_them():
    result = items.summary(ended(0, 1, 2, 5, 7, 8, failed=(3,)), 20, Earlier())
    assert result["succeeded_items"] == "0-2,5,7-8"


def test_what_earlier_attempts_achieved_is_counted_and_handed_on():
    before = Earlier(frozenset({0, 1}), {0: "r0"})
    result = items.summary(ended(2, failed=(3,)), 5, before)
    assert {name: result[name] for name in ("succeeded", "failed", "not_started", "omitted", "succeeded_items")} == {
        "succeeded": 3, "failed": 1, "not_started": 1, "omitted": 1, "succeeded_items": "0-2",
    }  # fmt: skip
    assert [entry["item"] for entry in result["results"]] == [0, 2, 3]


def test_a_success_needs_no_ranges():
    assert "succeeded_items" not in items.summary(ended(0, 1), 2, Earlier())


@pytest.mark.parametrize("result", [None, {}, [], "done", {"items": 3, "results": []}])
def test_a_result_that_says_nothing_of_items_takes_nothing_off(result):
    assert items.earlier(result) == Earlier()
