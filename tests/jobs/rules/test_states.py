"""The table itself."""

from __future__ import annotations

from jobs.rules.states import INITIAL, TERMINAL, TRANSITIONS, Event, State, allowed_actions


def test_no_event_leaves_a_terminal_state():
    assert all(not transition.sources & TERMINAL for transition in TRANSITIONS.values())


def test_every_event_has_a_transition():
    assert set(TRANSITIONS) == set(Event)


def test_every_state_is_reached_from_an_initial_one():
    reached = set(INITIAL)
    for _ in State:
        reached |= {t.target for t in TRANSITIONS.values() if t.sources & reached}
    assert reached == set(State)


def test_whatever_leaves_running_is_fenced():
    assert all(transition.fenced == (State.RUNNING in transition.sources) for transition in TRANSITIONS.values())


def test_ended_executions_can_be_replayed_and_others_cancelled():
    assert allowed_actions(State.FAILED) == ("retry", "replay")
    assert allowed_actions(State.RUNNING) == ("cancel",)


def test_what_waits_can_be_skipped_as_well():
    for state in (State.SCHEDULED, State.BLOCKED, State.PENDING, State.QUEUED):
        assert allowed_actions(state) == ("cancel", "skip")
