"""The life of an operation, over its whole matrix, and its pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from jobs.rules import operations as rules
from jobs.rules.operations import TERMINAL, Event, State

R, P, S, F, A = State.RUNNING, State.PAUSED, State.SUCCEEDED, State.FAILED, State.ABORTED
#: Written out once more, by hand: whatever is not here cannot happen.
LEADS = {
    (R, Event.PAUSE): P, (P, Event.RESUME): R, (R, Event.CANCEL): A, (P, Event.CANCEL): A,
    (R, Event.FINISH): S, (R, Event.FAIL): F, (R, Event.DISOWN): A,
    (R, Event.HOLD): P,
}  # fmt: skip
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("state", "event"), [*product(State, Event)])
def test_each_event_leads_from_each_state_where_it_should_or_nowhere(state, event):
    assert rules.after(state, event) == LEADS.get((state, event))


def test_nothing_leads_out_of_an_end_and_everything_else_has_a_way_out():
    assert {state for state in State if not any(rules.after(state, event) for event in Event)} == TERMINAL


def test_people_ask_and_the_engine_does_the_rest():
    assert rules.allowed_actions(R) == ["pause", "cancel"]
    assert rules.allowed_actions(P) == ["resume", "cancel"]
    assert [rules.allowed_actions(state) for state in TERMINAL] == [[], [], []]


def test_a_recovery_that_has_not_ended_can_be_trimmed_as_well():
    assert rules.allowed_actions(P, rules.RECOVERY) == ["resume", "cancel", "trim"]
    assert rules.allowed_actions(State.ABORTED, rules.RECOVERY) == []


@pytest.mark.parametrize(("rate", "many"), [(0.1, 1), (5, 1), (10, 2), (50, 10), (500, 100), (1_000_000, 100)])
def test_a_step_takes_a_slice_of_the_rate_at_least_one_and_never_many(rate, many):
    assert rules.at_once(rate) == many


def test_steps_keep_the_rate_whatever_they_move():
    due = NOW
    for moved in (10, 3, 10, 7):
        due = rules.next_step_at(due, due, moved, rate=10)
    assert due == NOW + timedelta(seconds=3)


def test_what_was_missed_is_caught_up_with_for_a_second_and_no_more():
    late = rules.next_step_at(NOW - timedelta(hours=1), NOW, 10, rate=10)
    assert late == NOW
    assert rules.next_step_at(NOW - timedelta(seconds=0.5), NOW, 10, rate=10) == NOW + timedelta(seconds=0.5)
