"""The first few run again, and decide on the rest."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import OperationalError

from jobs.engine import canaries
from tests.support import many, rows
from tests.support.operations import BULK, bulk, seen, steps


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id)


def again(of):
    """Executions that were run again, and as what."""
    return rows.fetch("SELECT id, replay_of FROM execution WHERE job_id = %s AND replay_of IS NOT NULL", of[0])


def end(keys, state="succeeded"):
    rows.change("UPDATE execution SET state = %s, finished_at = now() WHERE id = ANY(%s)", state, [*keys])


def asked(owner, job, **fields):
    many.executions(job, 10, "failed")
    return bulk(owner, "replay", filter={"job": str(job[0])}, canary=3, **fields)


def test_the_rest_follows_once_the_first_have_succeeded(owner, job):
    operation = asked(owner, job)
    assert operation["canary"]["stage"] == "starting"
    steps(operation, 3)
    first = again(job)
    told = seen(owner, operation)
    assert (len(first), told["done"], told["waiting_on"], told["state"]) == (3, 3, "CANARY", "running")
    assert told["canary"]["message"] == "canary: 0 of 3 succeeded, waiting"
    assert {(run["execution"], run["replay_of"]) for run in told["canary"]["runs"]} == {
        (str(new), str(former)) for new, former in first
    }
    end([first[0][0], first[1][0]])
    steps(operation, 2)
    assert (len(again(job)), seen(owner, operation)["canary"]["succeeded"]) == (3, 2)
    end([first[2][0]])
    steps(operation, 3)
    told = seen(owner, operation)
    assert (told["state"], told["done"], told["canary"]["stage"]) == ("succeeded", 10, "passed")
    assert len({former for _, former in again(job)}) == 10


def test_it_pauses_itself_and_says_which_failed_and_a_person_may_go_on(owner, job):
    operation = asked(owner, job)
    steps(operation)
    bad, *good = [new for new, _ in again(job)]
    end(good)
    end([bad], "failed")
    steps(operation, 2)
    told = seen(owner, operation)
    assert (told["state"], told["allowed_actions"]) == ("paused", ["resume", "cancel"])
    assert told["canary"]["message"] == "canary: 2 of 3 succeeded, so it paused itself"
    assert [run["execution"] for run in told["canary"]["runs"] if run["state"] == "failed"] == [str(bad)]
    actions = [row[0] for row in rows.fetch("SELECT action FROM audit_event WHERE object_id = %s", operation["id"])]
    assert "operation.paused" in actions
    assert len(again(job)) == 3
    resumed = owner.api.post(f"/api/v1/operations/{operation['id']}/resume").json()
    assert (resumed["state"], resumed["canary"]["stage"]) == ("running", "overruled")
    steps(operation, 2)
    assert (seen(owner, operation)["state"], len(again(job))) == ("succeeded", 10)


def test_enough_of_them_may_do(owner, job):
    operation = asked(owner, job, canary_must_succeed=2)
    steps(operation)
    bad, *good = [new for new, _ in again(job)]
    end(good)
    end([bad], "cancelled")
    steps(operation, 3)
    assert (seen(owner, operation)["state"], len(again(job))) == ("succeeded", 10)


def test_a_pause_by_hand_while_it_waits_changes_nothing_of_it(owner, job):
    operation = asked(owner, job)
    steps(operation)
    path = f"/api/v1/operations/{operation['id']}"
    assert owner.api.post(f"{path}/pause").status_code == 200
    assert owner.api.post(f"{path}/resume").json()["canary"]["stage"] == "waiting"
    steps(operation, 2)
    assert len(again(job)) == 3


def test_where_there_are_fewer_than_asked_for_it_ends_with_them(owner, job):
    rows.execution(job, "failed")
    operation = bulk(owner, "redrive", filter={"job": str(job[0]), "state": "failed"}, canary=3)
    steps(operation)
    assert seen(owner, operation)["state"] == "running"
    end([new for new, _ in again(job)])
    steps(operation, 2)
    assert seen(owner, operation)["state"] == "succeeded"


def test_a_step_that_is_cut_off_after_the_first_began_is_done_again_and_nothing_twice(owner, job, monkeypatch):
    operation = asked(owner, job)
    note, cut = canaries.note, OperationalError("the connection is gone")

    def dying(*given, **named):
        note(*given, **named)
        raise cut

    with monkeypatch.context() as broken:
        broken.setattr(canaries, "note", dying)
        steps(operation, 2)
    assert (again(job), seen(owner, operation)["canary"]["runs"]) == ([], [])
    steps(operation, 2)
    assert (len(again(job)), len(seen(owner, operation)["canary"]["runs"])) == (3, 3)


@pytest.mark.parametrize(
    ("action", "fields", "field"),
    [
        ("cancel", {"canary": 3}, "canary"),
        ("replay", {"canary": 0}, "canary"),
        ("replay", {"canary": 51}, "canary"),
        ("replay", {"canary": "many"}, "canary"),
        ("replay", {"canary": 3, "canary_must_succeed": 4}, "canary_must_succeed"),
        ("replay", {"canary_must_succeed": 1}, "canary_must_succeed"),
    ],
)
def test_what_cannot_be_a_canary_is_refused_naming_the_field(owner, job, action, fields, field):
    refused = partial(owner.api.post, BULK)
    answer = refused({"action": action, "all": True, "reason": "because", **fields})
    assert answer.status_code in (400, 422), answer.content
    assert field in answer.content.decode()
