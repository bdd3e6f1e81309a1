"""Starts are given to targets so that as few targets as can be stay without one."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.checker import matching

INSTANTS = st.integers(0, 12)
WINDOWS = st.lists(
    st.tuples(INSTANTS, st.integers(0, 5)).map(lambda pair: (float(pair[0]), float(sum(pair)))), max_size=5
)


@settings(deadline=None)
@given(windows=WINDOWS, starts=st.lists(INSTANTS.map(float), max_size=5))
def test_no_other_way_of_giving_leaves_fewer_targets_without_a_start(windows, starts):
    missed = matching.unmatched(windows, starts)
    assert len(missed) == min(_left(order, starts) for order in permutations(windows))
    assert set(missed) <= set(windows)


def _left(windows, starts):
    """How many targets are left if each start takes the first that fits. In some order of them that is best."""
    left = list(windows)
    for start in starts:
        fitting = next((window for window in left if window[0] <= start <= window[1]), None)
        if fitting is not None:
            left.remove(fitting)
    return len(left)
