"""How the first few of many decide on the rest."""

from __future__ import annotations

from itertools import product

import pytest

from jobs.rules import canaries
from jobs.rules.canaries import GONE, Canary, Run, Stage
from jobs.rules.states import TERMINAL, State

ENDED = sorted(TERMINAL)


def waiting(many: int, must_succeed: int, size: int = 0) -> Canary:
    canary = Canary(size=size or many, must_succeed=must_succeed)
    return canary.started([Run(str(number), f"f{number}") for number in range(many)], are_all=True)


def seen(canary: Canary, *states: str) -> Canary:
    return canary.looked_at({str(number): state for number, state in enumerate(states)})


def test_no_more_begin_than_were_asked_for_and_none_while_they_are_waited_for():
    canary = Canary(size=3, must_succeed=3)
    assert canary.room == 3
    canary = canary.started([Run("a", "b")], are_all=False)
    assert (canary.room, canary.stage) == (2, Stage.STARTING)
    canary = canary.started([Run("c", "d"), Run("e", "f")], are_all=False)
    assert (canary.room, canary.stage) == (0, Stage.WAITING)


def test_where_there_are_fewer_they_are_waited_for_and_where_there_are_none_nothing_is():
    assert Canary(size=3, must_succeed=3).started([Run("a", "b")], are_all=True).stage is Stage.WAITING
    assert Canary(size=3, must_succeed=3).started([], are_all=True).stage is Stage.STARTING


@pytest.mark.parametrize("must_succeed", [1, 2, 3])
def test_it_passes_if_enough_succeeded_over_all_ways_to_end(must_succeed):
    for states in product([*ENDED, GONE], repeat=3):
        found = seen(waiting(3, must_succeed), *states)
        enough = states.count(State.SUCCEEDED) >= must_succeed
        assert found.stage is (Stage.PASSED if enough else Stage.FAILED), states


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
def test_nothing_is_decided_before_all_have_ended(state):
    assert seen(waiting(2, 1), State.SUCCEEDED, state).stage is Stage.WAITING
    assert seen(waiting(2, 2), State.FAILED, state).stage is Stage.WAITING


def test_of_fewer_than_asked_for_no_more_must_succeed_than_there_are():
    assert seen(waiting(1, 2, size=3), State.SUCCEEDED).stage is Stage.PASSED
    assert seen(waiting(1, 2, size=3), State.FAILED).stage is Stage.FAILED


def test_one_that_is_no_longer_kept_did_not_succeed():
    assert seen(waiting(2, 2), State.SUCCEEDED).stage is Stage.FAILED


def test_only_a_failed_one_is_overruled():
    failed = seen(waiting(1, 1), State.FAILED)
    assert failed.overruled().stage is Stage.OVERRULED
    assert waiting(1, 1).overruled() == waiting(1, 1)


def test_it_says_how_it_stands():
    assert waiting(3, 3).sentence() == "canary: 0 of 3 succeeded, waiting"
    assert seen(waiting(3, 3), "succeeded", "running", "failed").sentence() == "canary: 1 of 3 succeeded, waiting"
    assert seen(waiting(2, 2), "succeeded", "failed").sentence() == "canary: 1 of 2 succeeded, so it paused itself"


def test_it_is_read_as_it_was_stored():
    failed = seen(waiting(2, 2), "succeeded", "failed")
    assert canaries.read(canaries.stored(failed)) == failed
    assert canaries.read(None) is None
