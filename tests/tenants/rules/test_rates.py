"""The bucket rule: whatever is drawn and however often it is looked at, no more starts than burst + rate x time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.rules import rates
from tenants.rules.rates import Bucket

BUCKETS = st.builds(Bucket, per_second=st.floats(0.001, 1000), burst=st.integers(1, 1000))
#: How long after the former look, and how many want to start then.
LOOKS = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("limit", "burst", "expected"),
    [
        ("100/m", None, Bucket(100 / 60, 100)),
        ("5/s", 1, Bucket(5, 1)),
        ("24/d", 3, Bucket(1 / 3600, 3)),
        ("1/h", None, Bucket(1 / 3600, 1)),
    ],
)
def test_a_rate_is_read(limit, burst, expected):
    assert re.search(rates.PATTERN, limit)
    assert rates.bucket(limit, burst) == expected


@pytest.mark.parametrize("limit", ["", "0/s", "10", "10/w", "10/sec", "-1/s", "1.5/s", "1/s\n", "1000000/s", " 1/s"])
def test_what_is_no_rate_is_not_taken_for_one(limit):
    assert not re.search(rates.PATTERN, limit)


def _starts(bucket: Bucket, looks: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """(instant, starts) of somebody who takes whole tokens only, and notes what is left only when he has taken some."""
    left, drawn_at, now, starts = None, 0.0, 0.0, []
    for gap, wanted in looks:
        now += gap
        tokens = bucket.holds(left, now - drawn_at)
        taken = min(wanted, int(tokens))
        if taken:
            left, drawn_at = tokens - taken, now
        starts.append((now, taken))
    return starts


@given(BUCKETS, LOOKS)
def test_in_no_length_of_time_start_more_than_the_burst_and_what_flows_in(bucket, looks):
    starts = _starts(bucket, looks)
    for first, (begin, _) in enumerate(starts):
        for last in range(first, len(starts)):
            total = sum(count for _, count in starts[first : last + 1])
            assert total <= bucket.burst + bucket.per_second * (starts[last][0] - begin) + 1e-6


@given(BUCKETS, LOOKS, st.integers(1, 20))
def test_looking_more_often_without_taking_changes_nothing(bucket, looks, times):
    often = [(gap / times, wanted if n == times - 1 else 0) for gap, wanted in looks for n in range(times)]
    calm, nervous = (sum(count for _, count in _starts(bucket, each)) for each in (looks, often))
    assert abs(calm - nervous) <= 1  # the instants differ in their last bit


@given(BUCKETS, st.floats(0, 1000))
def test_a_token_is_there_after_the_wait_and_not_before(bucket, left):
    left = min(left, bucket.burst)
    wait = bucket.seconds_until_one(left)
    assert bucket.holds(left, wait) >= 1 - 1e-9
    if wait > 1e-6:
        assert bucket.holds(left, wait * 0.99) < 1


def test_a_clock_that_steps_back_fills_nothing():
    assert Bucket(10, 5).holds(2, -100) == 2
