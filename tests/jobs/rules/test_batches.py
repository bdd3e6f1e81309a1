"""Messages hold what is known to be short, and not more than keeps others waiting for a moment."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jobs.rules import batches

lengths = st.one_of(st.none(), st.floats(0, 1, allow_nan=False))
Rows = list[tuple[int, float | None]]


def packed(rows: Rows, *, slots: int = 1, most: int = 50) -> list[Rows]:
    return batches.grouped(rows, expected=lambda row: row[1], slots=slots, most=most)


def of(*seconds: float | None) -> Rows:
    return list(enumerate(seconds))


@given(st.lists(lengths, max_size=300), st.integers(0, 8), st.integers(1, 60))
def test_everything_travels_once_and_in_order_of_its_message(seconds, slots, most):
    rows = of(*seconds)
    messages = packed(rows, slots=slots, most=most)
    assert Counter(row for message in messages for row in message) == Counter(rows)
    assert [message[0][0] for message in messages] == sorted(message[0][0] for message in messages)
    assert all(message == sorted(message) for message in messages)


@given(st.lists(lengths, max_size=300), st.integers(1, 8), st.integers(1, 60))
def test_only_quick_ones_share_and_never_for_long(seconds, slots, most):
    for message in packed(of(*seconds), slots=slots, most=most):
        assert 1 <= len(message) <= most
        if len(message) > 1:
            assert all(length is not None and length < batches.QUICK for _, length in message)
            total = sum(length + batches.OVERHEAD for _, length in message if length is not None)
            assert len(message) == 2 or total <= batches.LONGEST + 1e-9


def test_each_slot_gets_two_messages_before_any_holds_more():
    assert [len(message) for message in packed(of(*[0.001] * 8), slots=4)] == [1] * 8
    assert [len(message) for message in packed(of(*[0.001] * 80), slots=4)] == [10] * 8


def test_a_deep_queue_of_the_quickest_travels_in_full_messages():
    full = int(batches.LONGEST / (0.0001 + batches.OVERHEAD))
    assert {len(message) for message in packed(of(*[0.0001] * full * 20), slots=2, most=100)} == {full}
    assert {len(message) for message in packed(of(*[0.0001] * 1000), slots=2, most=10)} == {10}


def test_a_slow_one_travels_alone_and_its_neighbours_together():
    messages = packed(of(*[0.001] * 10, 2.0, None, *[0.001] * 10), most=50)
    assert [len(message) for message in messages] == [10, 1, 1, 10]


def test_batches_of_one_are_no_batches():
    assert {len(message) for message in packed(of(*[0.001] * 100), most=1)} == {1}


def test_nobody_there_to_take_it_is_no_reason_to_pack():
    assert {len(message) for message in packed(of(*[0.001] * 100), slots=0)} == {1}
