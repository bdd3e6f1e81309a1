"""What differs is told by its place, all of it and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rules import differences
from jobs.rules.differences import Change, Difference

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2).map(lambda x: round(x, 1)) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=1), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def told(before: Any, after: Any) -> list[tuple[str, str, Any, Any]]:
    return [(each.path, each.change.value, each.before, each.after) for each in differences.between(before, after)]


def test_places_are_called_as_in_messages() -> None:
    before = {"payload": {"headers": {"A": "1", "B": "2"}, "items": [1, {"x": 1}, 3]}, "timeout_seconds": 300}
    after = {"payload": {"headers": {"B": "3"}, "items": [1, {"x": 2}], "new": None}, "timeout_seconds": 300.0}
    assert told(before, after) == [
        ("payload.headers.A", "removed", "1", None),
        ("payload.headers.B", "changed", "2", "3"),
        ("payload.items[1].x", "changed", 1, 2),
        ("payload.items[2]", "removed", 3, None),
        ("payload.new", "added", None, None),
    ]


def test_what_python_takes_for_the_same_may_differ_in_json() -> None:
    assert told({"a": True}, {"a": 1}) == [("a", "changed", True, 1)]
    assert told({"a": [0]}, {"a": [False]}) == [("a[0]", "changed", 0, False)]
    assert told({"a": {}}, {"a": []}) == [("a", "changed", {}, [])]


def test_what_may_not_be_seen_is_one_place_without_values() -> None:
    found = differences.between(
        {"payload": {"a": 1, "b": 1}, "type": "http", "payload_size": 1}, {"payload": {"a": 2, "b": 2}, "type": "http", "payload_size": 2}
    )  # fmt: skip
    withheld = Difference("payload", Change.CHANGED, None, None)
    assert differences.without(found, "payload") == [withheld, Difference("payload_size", Change.CHANGED, 1, 2)]
    assert differences.without([withheld], "payload") == [withheld]


@settings(deadline=None, max_examples=150, database=None)
@given(_JSON, _JSON)
def test_there_is_a_difference_exactly_where_values_differ(before: Any, after: Any) -> None:
    assert differences.between(before, before) == []
    forth, back = differences.between(before, after), differences.between(after, before)
    assert {each.path for each in forth} == {each.path for each in back}
    assert bool(forth) == (differences.canonical(before) != differences.canonical(after))
