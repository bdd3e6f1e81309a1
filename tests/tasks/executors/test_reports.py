"""Reports of a claim: each is fenced, what ended may be said again, and the engine ends what the executor does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from jobs.rules.states import State
from tests.support import executors, rows, servers
from tests.support.attempts import Outcome
from tests.support.executors import Played
from tests.support.processes import eventually

RETRY = {"delay_seconds": 100, "backoff": "fixed", "jitter": False, "max_attempts": 2}
OVER = (409, "CLAIM_OVER")
#: Of whoever waits for the asking connection; another process's tests wait in databases of their own.
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def alpha(owner: Any) -> Played:
    return executors.play(owner, "alpha", max_concurrent=3)


@pytest.fixture
def claimed(owner: Any, alpha: Played) -> Any:
    executors.triggered(owner, executors.job(owner, alpha.queue, retry=RETRY))
    (found,) = alpha.claim()
    return found


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def past(claimed: Any, seconds: int) -> None:
    """It was claimed so long ago."""
    rows.change(
        "UPDATE execution SET started_at = started_at - make_interval(secs => %s) WHERE id = %s",
        seconds, claimed["execution"],
    )  # fmt: skip


def test_a_result_is_stored_and_saying_so_again_answers_the_same(alpha: Played, claimed: Any) -> None:
    first = alpha.report(claimed, "complete", result={"answer": 42})
    assert (first.status_code, first.json()["state"]) == (200, "succeeded")
    assert alpha.report(claimed, "complete", result={"answer": 42}).json() == first.json()
    outcome = Outcome(claimed["execution"])
    assert (outcome.state, outcome.result, outcome.attempts) == (
        State.SUCCEEDED,
        {"answer": 42},
        [(1, "succeeded", "")],
    )
    # Whoever now says something else is told to stop.
    assert refused(alpha.report(claimed, "fail", message="after all not")) == OVER
    assert refused(alpha.report(claimed, "log", chunk=9, lines=[{"message": "late"}])) == OVER


def test_a_failure_is_tried_again_as_the_policy_says_and_the_old_token_is_over(
    owner: Any, alpha: Played, claimed: Any
) -> None:
    failed = alpha.report(claimed, "fail", message="no paper", code="NO_PAPER")
    assert (failed.json()["state"], failed.json()["error_code"]) == ("failed", "NO_PAPER")
    assert alpha.report(claimed, "fail", message="no paper", code="NO_PAPER").json() == failed.json()
    rows.change("UPDATE execution SET not_before = now() WHERE id = %s", claimed["execution"])
    executors.engine()
    (again,) = alpha.claim()
    assert (again["attempt"], again["idempotency_key"]) == (2, claimed["idempotency_key"])
    assert refused(alpha.report(claimed, "complete")) == OVER
    assert alpha.report(again, "fail", message="no ink").json()["state"] == "failed"
    assert (Outcome(claimed["execution"]).state, Outcome(claimed["execution"]).buried) == (State.FAILED, True)


def test_a_permanent_failure_is_not_tried_again(alpha: Played, claimed: Any) -> None:
    alpha.report(claimed, "fail", message="never", permanent=True)
    assert Outcome(claimed["execution"]).state == State.FAILED


def test_a_result_that_is_too_large_fails_the_attempt_and_says_so(alpha: Played, claimed: Any) -> None:
    answer = alpha.report(claimed, "complete", result="x" * 70_000).json()
    assert (answer["state"], answer["error_code"]) == ("failed", "RESOURCE_LIMIT")


def test_lines_are_kept_in_order_once_and_up_to_the_limit(owner: Any, alpha: Played, claimed: Any) -> None:
    lines = [{"message": "one"}, {"message": "two", "level": "warning", "stream": "stderr"}]
    for _ in range(2):
        assert alpha.report(claimed, "log", chunk=1, lines=lines).json()["stored"] == 2
    alpha.report(claimed, "progress", fraction=0.5, message="half")
    alpha.report(claimed, "log", chunk=2, lines=[{"message": "three"}])
    outcome = Outcome(claimed["execution"])
    assert outcome.log == [
        (1, "info", "handler", "one"), (2, "warning", "stderr", "two"), (3, "info", "progress", "50% half"),
        (4, "info", "handler", "three"),
    ]  # fmt: skip
    rows.change("UPDATE tenant SET max_log_bytes = 3000 WHERE id = %s", owner.tenant.id)
    told = alpha.report(claimed, "log", chunk=3, lines=[{"message": "y" * 1000}] * 3).json()
    assert (told["stored"] + told["dropped"], told["dropped"] > 0) == (3, True)
    assert alpha.report(claimed, "log", chunk=4, lines=[{"message": "more"}]).json()["dropped"] == 1


def test_progress_counts_as_what_is_logged(owner: Any, alpha: Played, claimed: Any) -> None:
    rows.change("UPDATE tenant SET max_log_bytes = 3000 WHERE id = %s", owner.tenant.id)
    for _ in range(6):
        assert alpha.report(claimed, "progress", fraction=0.5, message="half").status_code == 200
    assert len(Outcome(claimed["execution"]).log) == 3


def test_two_that_report_at_once_number_their_lines_one_after_the_other(alpha: Played, claimed: Any) -> None:
    id_ = claimed["execution"]

    def report() -> Any:
        try:
            return alpha.report(claimed, "log", chunk=2, lines=[{"message": "second"}])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with servers.kept_superuser().transaction():
            rows.change("UPDATE execution SET priority = priority WHERE id = %s", id_)
            later = pool.submit(report)
            assert eventually(lambda: rows.fetch(WAITING))
            rows.change(
                "INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines, size) "
                "SELECT carillon_child_id(id, 'x'), tenant_id, id, attempt, epoch, 1, 2, %s, 9 FROM execution WHERE id = %s",
                '[["2026-01-01T00:00:00+00:00", "info", "handler", "a"], ["2026-01-01T00:00:00+00:00", "info", "handler", "b"]]',
                id_,
            )
        assert later.result().status_code == 200
    assert [(line[0], line[3]) for line in Outcome(id_).log] == [(1, "a"), (2, "b"), (3, "second")]


def test_a_wish_to_cancel_is_told_and_acknowledged(owner: Any, alpha: Played, claimed: Any) -> None:
    assert alpha.report(claimed, "cancelled").status_code == 409
    owner.api.post(f"/api/v1/executions/{claimed['execution']}/cancel")
    assert alpha.beat().json()["cancel"] == [claimed["execution"]]
    assert alpha.report(claimed, "log", chunk=1, lines=[{"message": "stopping"}]).json()["cancel"] is True
    first = alpha.report(claimed, "cancelled")
    assert first.json()["state"] == "cancelled"
    assert alpha.report(claimed, "cancelled").json() == first.json()
    assert Outcome(claimed["execution"]).state == State.CANCELLED


def test_the_engine_ends_what_was_cancelled_and_is_not_acknowledged(owner: Any, alpha: Played, claimed: Any) -> None:
    owner.api.post(f"/api/v1/executions/{claimed['execution']}/cancel")
    executors.engine()
    assert Outcome(claimed["execution"]).state == State.RUNNING  # its grace
    rows.change(
        "UPDATE execution SET cancel_requested_at = now() - interval '1 hour' WHERE id = %s", claimed["execution"]
    )
    executors.engine()
    assert Outcome(claimed["execution"]).state == State.CANCELLED
    assert refused(alpha.report(claimed, "complete")) == OVER
    assert alpha.beat(holding=[claimed["execution"]]).json()["stop"] == [claimed["execution"]]


def test_the_engine_ends_what_is_out_of_time_without_the_executor(alpha: Played, claimed: Any) -> None:
    past(claimed, 10_000)
    executors.engine()
    outcome = Outcome(claimed["execution"])
    assert (outcome.state, outcome.attempts) == (State.SCHEDULED, [(1, "failed", "TIMEOUT")])
    assert refused(alpha.report(claimed, "complete", result="late")) == OVER
    assert refused(alpha.report(claimed, "fail", message="late", code="TIMEOUT")) == OVER


def test_what_a_silent_executor_held_is_finished_by_another(owner: Any, alpha: Played, claimed: Any) -> None:
    alpha.lapse()
    assert refused(alpha.report(claimed, "complete")) == OVER  # before anybody has noticed
    executors.engine()
    assert Outcome(claimed["execution"]).attempts == [(1, "lost", "WORKER_LOST")]
    assert Outcome(claimed["execution"]).crashes == 1
    beta = executors.play(owner, "beta", on=alpha.queue)
    rows.change("UPDATE execution SET not_before = now() WHERE id = %s", claimed["execution"])
    executors.engine()
    (again,) = beta.claim()
    assert (again["execution"], again["attempt"]) == (claimed["execution"], 2)
    assert alpha.beat(holding=[claimed["execution"]]).json()["stop"] == [claimed["execution"]]
    assert refused(alpha.report(claimed, "complete", result="late")) == OVER
    assert beta.report(again, "complete", result="in time").json()["state"] == "succeeded"
    assert Outcome(claimed["execution"]).result == "in time"


def test_an_answer_that_did_not_arrive_is_given_back_unpunished(alpha: Played, claimed: Any) -> None:
    assert alpha.beat(holding=[]).status_code == 200
    assert Outcome(claimed["execution"]).state == State.RUNNING  # it may be on its way
    past(claimed, 11)
    alpha.beat(holding=[])
    outcome = Outcome(claimed["execution"])
    assert (outcome.state, outcome.attempt, outcome.crashes) == (State.PENDING, 1, 0)


def test_who_leaves_gives_all_back_unpunished(alpha: Played, claimed: Any) -> None:
    assert alpha.post(f"executors/{alpha.id}/leave", {"lease": alpha.lease}).status_code == 200
    assert Outcome(claimed["execution"]).attempts == [(1, "released", "")]
    assert refused(alpha.beat()) == (409, "LEASE_TAKEN")


def test_a_released_one_runs_elsewhere_as_the_same_attempt(alpha: Played, claimed: Any) -> None:
    assert alpha.report(claimed, "release").json()["state"] == "released"
    assert alpha.report(claimed, "release").status_code == 200
    executors.engine()
    assert alpha.claim()[0]["attempt"] == 1


def test_start_says_whether_the_claim_holds(alpha: Played, claimed: Any) -> None:
    told = alpha.report(claimed, "start").json()
    assert told["cancel"] is False
    assert 0 < told["seconds_left"] <= claimed["timeout_seconds"]
    alpha.lapse()
    assert refused(alpha.report(claimed, "start")) == OVER


@pytest.mark.parametrize("token", ["", "1", "1.", "x.y", "1.é", "2.{}", "99999999999.aa"])
def test_a_token_of_ones_own_making_is_refused(alpha: Played, claimed: Any, token: str) -> None:
    forged = token.format(claimed["token"].partition(".")[2])
    answer = alpha.post(f"executions/{claimed['execution']}/complete", {"token": forged})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["token"])
    assert Outcome(claimed["execution"]).state == State.RUNNING
