"""The ``approval`` job type, from its question to what was decided, by real attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs import explanations
from jobs.engine import approvals, suspensions, transitions
from jobs.models import Approval, Execution
from jobs.rules.approvals import Standing
from jobs.rules.codes import Wait
from tasks import runner, settling
from tests.support import approvals as of_tests
from tests.support import rows
from tests.support.attempts import Outcome

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


def asked(**payload: Any) -> Outcome:
    """An approval's execution whose first attempt has run."""
    job = rows.job(type="approval", payload={"question": "Deploy {{ job.name }} now?", **payload})
    rows.change("UPDATE job_revision SET spec = spec || '{\"expressions\": true}' WHERE job_id = %s", job[0])
    outcome = Outcome(rows.execution(job, "queued", triggered_by="user:ann@example.com"))
    runner.run([(outcome.id, 1)])
    return outcome


def approval(of: Outcome) -> Approval:
    return Approval.objects.get(execution_id=of.id)


def decide(of: Outcome, state: Standing = Standing.APPROVED) -> bool:
    return approvals.decide(approval(of), state, by="user:bob@example.com", reason="because")


def go_on(of: Outcome) -> None:
    """Whatever may be resumed is, and this runs again."""
    suspensions.resume_due()
    assert of.state == "scheduled"
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", of.id)
    runner.run([(of.id, of.attempt)])


def pass_time(of: Outcome) -> None:
    rows.change("UPDATE approval SET until = clock_timestamp() WHERE execution_id = %s", of.id)
    rows.change("UPDATE execution SET resume_at = clock_timestamp() WHERE id = %s", of.id)


def test_it_waits_without_a_worker_and_says_whose_decision_it_waits_for():
    outcome = asked(who={"members": ["bob@example.com"]}, not_by_requester=True, limit_seconds=600)
    row = approval(outcome)
    name = rows.fetch("SELECT name FROM job WHERE id = %s", row.job_id)[0][0]
    assert (row.question, row.members, row.requested_by) == (
        f"Deploy {name} now?", ["bob@example.com"], "user:ann@example.com",
    )  # fmt: skip
    assert (outcome.state, outcome.worker_id, outcome.attempts) == ("blocked", None, [(1, "suspended", "")])
    # Its rest was read before it was suspended for as long: never does it go on before the time is over, and find it waiting.
    assert row.until <= outcome.resume_at < row.until + timedelta(minutes=5)
    told = explanations.of_execution(Execution.objects.get(pk=outcome.id))
    assert told.reasons[0].code == Wait.AWAITING_APPROVAL
    assert told.reasons[0].until == row.until
    assert "it waits for a decision of nobody: whoever was named is gone; until " in told.summary.lower()


def test_what_was_decided_is_its_result_and_the_same_attempt_goes_on():
    outcome = asked()
    assert decide(outcome)
    assert not decide(outcome, Standing.REJECTED)
    go_on(outcome)
    assert outcome.state == "succeeded"
    assert outcome.attempts == [(1, "suspended", ""), (1, "succeeded", "")]
    result = outcome.result
    assert {**result, "at": ""} == {"decision": "approved", "by": "user:bob@example.com", "reason": "because", "at": ""}
    kinds = rows.fetch(
        "SELECT kind FROM event WHERE execution_id = %s AND kind LIKE 'approval%%' ORDER BY 1", outcome.id
    )
    assert kinds == [("approval.asked",), ("approval.decided",)]


def test_decision_before_it_is_suspended_is_not_lost(monkeypatch: pytest.MonkeyPatch):
    suspend = settling.Settling.suspended

    def decided_meanwhile(self: Any, at_most: timedelta) -> None:
        assert decide(Outcome(self._fence.id))
        suspend(self, at_most)

    monkeypatch.setattr(settling.Settling, "suspended", decided_meanwhile)
    outcome = asked(limit_seconds=600)
    go_on(outcome)
    assert outcome.state == "succeeded"


@pytest.mark.parametrize(("on_reject", "state"), [("fail", "failed"), ("succeed", "succeeded")])
def test_rejected_one_fails_or_goes_on_with_that_result(on_reject, state):
    outcome = asked(on_reject=on_reject)
    decide(outcome, Standing.REJECTED)
    go_on(outcome)
    assert outcome.state == state
    if state == "failed":
        assert (outcome.error_code, outcome.buried) == ("NOT_APPROVED", True)
        assert outcome.error_message == "rejected by user:bob@example.com: because"
    else:
        assert outcome.result["decision"] == "rejected"


@pytest.mark.parametrize(
    ("payload", "state", "decision"),
    [
        ({"default": "fail"}, "failed", None),
        ({"default": "approve"}, "succeeded", "approved"),
        ({"default": "reject"}, "failed", None),
        ({"default": "reject", "on_reject": "succeed"}, "succeeded", "rejected"),
    ],
)
def test_when_its_time_is_over_the_default_decides(payload, state, decision):
    outcome = asked(**payload)
    pass_time(outcome)
    go_on(outcome)
    assert outcome.state == state
    if decision:
        assert (outcome.result["decision"], outcome.result["by"]) == (decision, None)
    assert not decide(outcome)


def test_crash_after_the_question_was_asked_asks_no_second_time():
    outcome = asked()
    before = approval(outcome)
    rows.change("UPDATE execution SET state = 'queued', attempt = 2, crashes = 1 WHERE id = %s", outcome.id)
    runner.run([(outcome.id, 2)])
    assert (approval(outcome).until, outcome.state) == (before.until, "blocked")
    asked_of = "SELECT count(*) FROM event WHERE execution_id = %s AND kind = 'approval.asked'"
    assert rows.fetch(asked_of, outcome.id) == [(1,)]


def test_cancelled_while_it_waits_it_asks_no_longer():
    outcome = asked()
    transitions.cancel(outcome.id)
    assert outcome.state == "cancelled"
    assert not decide(outcome)
    approvals.withdraw()
    assert of_tests.state(approval(outcome).pk) == "withdrawn"


def test_secret_in_the_question_is_refused_where_it_is_stored_and_where_it_runs():
    outcome = asked(question="Deploy with {{ secrets.token }}?")
    assert (outcome.state, outcome.error_code) == ("failed", "PAYLOAD_INVALID")
