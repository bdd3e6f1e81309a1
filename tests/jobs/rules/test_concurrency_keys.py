"""Templates of concurrency keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import concurrency_keys
from jobs.rules.concurrency_keys import LONGEST, InvalidKey, fields, render

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("template", "payload", "key"),
    [
        ("", {"a": 1}, ""),
        ("warehouse load", {}, "warehouse load"),
        ("customer:{customer_id}", {"customer_id": 17}, "customer:17"),
        ("{a}/{b}", {"a": "x", "b": True}, "x/true"),
        ("{a}", {"a": {"z": 1, "b": [1, 2]}}, '{"b":[1,2],"z":1}'),
        ("customer:{customer_id}", {}, "customer:"),
        ("customer:{customer_id}", {"customer_id": None}, "customer:"),
    ],
)
def test_fields_of_the_payload_take_their_places(template, payload, key):
    assert render(template, payload) == key


@pytest.mark.parametrize(
    "template", ["{", "}", "{}", "a{b", "{a b}", "{a.b}", "{1}", "{{a}}", "a\nb", "{a!r}", "tab\there"]
)
def test_what_cannot_be_read_is_refused_with_its_place(template):
    with pytest.raises(InvalidKey, match="cannot be read at"):
        fields(template)


def test_fields_are_named_in_order():
    assert fields("x{b}:{a_1}-{b}") == ["b", "a_1", "b"]


@given(JSON, JSON)
def test_keys_are_bounded_and_as_equal_as_the_values_they_are_made_of(first, second):
    one, other = (render("k:{value}", {"value": value}) for value in (first, second))
    assert max(len(one), len(other)) <= LONGEST
    assert one == render("k:{value}", {"value": first})
    if concurrency_keys._text(first) != concurrency_keys._text(second):
        assert one != other


def test_long_keys_that_begin_alike_stay_different():
    keys = {render("{a}", {"a": "x" * 300 + end}) for end in ("1", "2")}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {LONGEST}
