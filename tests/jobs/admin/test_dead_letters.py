"""Dead letters: one by one, and many at once after a question."""

from __future__ import annotations

import html
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME

from jobs.admin.dead_letters import CONFIRMED
from tests.support import console as support
from tests.support import rows
from tests.support.console import Console


def _state(letter: Any) -> str:
    state: str = rows.fetch("SELECT state FROM dead_letter WHERE id = %s", letter)[0][0]
    return state


def _together(console: Console, action: str, letters: list[Any], **fields: Any) -> Any:
    chosen = {"action": action, ACTION_CHECKBOX_NAME: [str(letter) for letter in letters], **fields}
    return console.client.post(support.url("jobs_deadletter_changelist"), chosen)


def test_redrive_leads_to_the_new_execution(console: Console) -> None:
    execution, letter = support.failed_execution(rows.job())
    leads_to = console.pressed("jobs_deadletter_redrive", letter, with_downstream="on")
    ((new, state, closed_by),) = rows.fetch(
        "SELECT redriven_as, state, closed_by FROM dead_letter WHERE id = %s", letter
    )
    assert leads_to == support.url("jobs_execution_change", new)
    assert (state, closed_by) == ("redriven", f"user:{console.user.email}")
    assert rows.fetch("SELECT replay_of FROM execution WHERE id = %s", new) == [(execution,)]


def test_discard_closes_it_and_runs_nothing(console: Console) -> None:
    job = rows.job()
    _, letter = support.failed_execution(job)
    console.pressed("jobs_deadletter_discard", letter, because="a test order")
    assert _state(letter) == "discarded"
    assert "a test order" in support.text_of(console.page("jobs_deadletter_change", letter))
    assert rows.fetch("SELECT count(*) FROM execution WHERE job_id = %s", job[0]) == [(1,)]
    assert support.url("jobs_deadletter_redrive", letter) not in console.page("jobs_deadletter_change", letter)


def test_many_at_once_are_asked_about_with_count_and_sample(console: Console) -> None:
    letters = [support.failed_execution(rows.job(name=f"job {number}"))[1] for number in range(7)]
    answer = _together(console, "discard_chosen", letters)
    text = support.text_of(answer.content.decode())
    assert "Let 7 dead letters go?" in text
    assert "and 2 more" in text
    assert {_state(letter) for letter in letters} == {"open"}


def test_many_at_once_are_discarded_once_confirmed(console: Console) -> None:
    letters = [support.failed_execution(rows.job())[1] for _ in range(3)]
    other = support.failed_execution(rows.job())[1]
    answer = _together(console, "discard_chosen", letters, **{CONFIRMED: "1"})
    assert answer.status_code == 302
    assert {_state(letter) for letter in letters} == {"discarded"}
    assert _state(other) == "open"


def test_many_at_once_are_redriven_and_what_is_refused_is_told(console: Console) -> None:
    good = support.failed_execution(rows.job())[1]
    bad = support.failed_execution(rows.job(state="disabled", name="switched off"))[1]
    _together(console, "redrive_chosen", [good, bad], **{CONFIRMED: "1"})
    assert (_state(good), _state(bad)) == ("redriven", "open")
    text = support.text_of(console.page("jobs_deadletter_changelist"))
    assert "redrive: 1 of 2 done." in text
    assert "1 refused, such as switched off: this job is disabled" in text


def test_closed_ones_are_left_alone(console: Console) -> None:
    _, letter = support.failed_execution(rows.job())
    console.pressed("jobs_deadletter_discard", letter)
    assert "None of them is open" in support.text_of(_together(console, "redrive_chosen", [letter]).content.decode())


def test_redrive_begins_with_the_payload_and_hands_on_what_was_changed(console: Console) -> None:
    job = rows.job(payload={"duration_seconds": 1, "result": "{{ now }}"})
    execution, letter = support.failed_execution(job)
    rows.change("UPDATE execution SET payload = '{\"fail_rate\": 1}' WHERE id = %s", execution)
    shown = html.unescape(console.page("jobs_deadletter_redrive", letter))
    assert all(part in shown for part in ('"duration_seconds": 1', '"fail_rate": 1', "{{ now }}"))
    edited = '{"duration_seconds": 2, "fail_rate": 0, "result": "{{ now }}"}'
    console.pressed("jobs_deadletter_redrive", letter, payload=edited)
    ((payload,),) = rows.fetch("SELECT payload FROM execution WHERE replay_of = %s", execution)
    assert payload == {"duration_seconds": 2, "fail_rate": 0}


def test_a_key_cannot_be_taken_out(console: Console) -> None:
    _, letter = support.failed_execution(rows.job(payload={"duration_seconds": 1, "fail_rate": 0}))
    answer = console.client.post(support.url("jobs_deadletter_redrive", letter), {"payload": '{"fail_rate": 1}'})
    assert "leave duration_seconds in" in support.text_of(answer.content.decode())
    assert _state(letter) == "open"
