"""The window follows what is claimed, grows quickly from nothing, and is looked at when it is half empty."""

from __future__ import annotations

import pytest

from jobs.rules.windows import AHEAD, LONGEST_PAUSE, SHORTEST_PAUSE, Window


def test_without_claims_it_is_two_for_each_slot():
    assert Window().observe(0, slots=3, at=10.0) == 6


def test_without_a_slot_it_is_nothing():
    assert Window().observe(0, slots=0, at=10.0) == 0


def test_it_is_what_was_claimed_just_before():
    window, step = Window(), AHEAD * 0.4
    window.observe(0, slots=1, at=10.0)
    window.leave(40)
    assert window.observe(20, slots=1, at=10.0 + step) == 20
    window.leave(60)
    assert window.observe(30, slots=1, at=10.0 + 2 * step) == 50
    window.leave(30)
    assert window.observe(30, slots=1, at=10.0 + 4 * step) == 30  # the first twenty were too long ago
    assert window.observe(30, slots=1, at=10.0 + 2 * step + AHEAD) == 2


def test_it_doubles_while_it_is_emptied_at_once():
    window, sizes, at = Window(), [], 0.0
    for _ in range(8):
        sizes.append(window.observe(0, slots=1, at=at))
        window.leave(sizes[-1])
        at += 0.02
    assert sizes == [2, 4, 8, 16, 32, 64, 128, 256]


def test_slow_runs_never_make_it_grow():
    window, at = Window(), 0.0
    for _ in range(20):
        size = window.observe(0, slots=2, at=at)
        assert size == 4
        window.leave(size)
        at += AHEAD + 0.01


def test_it_falls_back_once_nothing_is_claimed():
    window = Window()
    for step in range(6):
        window.leave(window.observe(0, slots=1, at=step * 0.02))
    assert window.observe(64, slots=1, at=1.0) == 2


def test_a_full_one_is_looked_at_when_it_is_half_empty():
    window = Window()
    window.observe(0, slots=1, at=1.0)
    window.leave(20)
    window.observe(10, slots=1, at=1.1)  # a hundred a second, and ten is what was claimed
    assert window.pause() == pytest.approx(0.05)


def test_one_that_was_found_empty_long_after_says_nothing_of_how_fast_that_went():
    """Else whatever is due at once after an idle hour would begin with a few, and half a second of nothing."""
    window = Window()
    window.leave(window.observe(0, slots=2, at=1.0))
    window.observe(0, slots=2, at=2.0)
    window.leave(4)
    assert window.pause() == SHORTEST_PAUSE


def test_and_ever_more_seldom_while_nothing_is_claimed():
    window, pauses = Window(), []
    for second in range(2000):  # nobody claims for a long time
        window.observe(10, slots=1, at=float(second))
        window.leave(10)
        pauses.append(window.pause())
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST_PAUSE, LONGEST_PAUSE)
    window.leave(14)
    assert window.pause() == SHORTEST_PAUSE  # what was published just now may be claimed at once
