"""What a step's payload gets of the steps before it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.engine import upstreams
from jobs.rules import identity
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import runner
from tests.support import attempts, rows
from tests.support import workflows as runs
from tests.support.attempts import Outcome
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")

RULE = "all_done"


def received(expression, result, *, fail=False):
    """What ``load`` gets after ``extract``, whose result this is, and after ``check``, which may fail."""
    jobs = Jobs()
    jobs.edges("root>extract", "root>check")
    jobs.add("load", type=attempts.JOB_TYPE, payload={"got": expression}, retry={"max_attempts": 1})
    rows.change("UPDATE job_revision SET spec = spec || '{\"expressions\": true}' WHERE job_id = %s", jobs["load"][0])
    jobs.edge("extract", "load", RULE)
    jobs.edge("check", "load", RULE)
    run = runs.start(jobs["root"])
    runs.move()
    runs.succeed(run, "root", result={"rows": 1})
    runs.succeed(run, "extract", result=result)
    runs.end(run, {"check": "fail" if fail else "succeed"})
    outcome = Outcome(runs.ids(run)["load"])
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", outcome.id)
    seen = []
    with attempts.job_type(lambda params, _: seen.append(params.model_dump()["got"]), params=attempts.AnyParams):
        runner.run([(outcome.id, 1)])
    return seen, outcome


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{{ upstream.extract.result.rows }}", 7),
        ("{{ upstream['extract'].state }}, {{ upstream.check.state }}", "succeeded, failed"),
        ("{{ upstream.check.result }}", None),
        ("{{ upstream.extract.result.gone | default('nothing') }}", "nothing"),
        ("{{ upstream.root.result.rows | default('not directly before it') }}", "not directly before it"),
    ],
)
def test_step_reads_the_steps_directly_before_it(expression, value):
    seen, outcome = received(expression, {"rows": 7}, fail=True)
    assert (outcome.state, seen) == (State.SUCCEEDED, [value]), outcome.error_message


def test_nobody_upstream_is_said(quick):
    _, outcome = received("{{ upstream.nobody.result }}", {})
    assert outcome.error_code == Failure.PAYLOAD_INVALID
    assert "there is no 'nobody', only check, extract" in outcome.error_message


def test_results_too_large_together_are_refused_and_name_the_step(monkeypatch):
    monkeypatch.setattr(upstreams, "MOST", 1000)
    _, outcome = received("{{ upstream.extract.state }}", {"rows": "x" * 1000})
    assert outcome.error_code == Failure.RESOURCE_LIMIT
    assert "'extract'" in outcome.error_message


SLOT = rows.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


def gated(slots, *, again=False):
    """What a slot gets of an upstream's slots, (hours before its own, state) each; or what a replay of its replay gets."""
    jobs = Jobs()
    jobs.add("load", type=attempts.JOB_TYPE, payload={"got": "{{ upstream.extract.result }}"})
    rows.change("UPDATE job_revision SET spec = spec || '{\"expressions\": true}' WHERE job_id = %s", jobs["load"][0])
    jobs.edge("extract", "load", "always", mode="gate")
    planned = {"planned_until": rows.now(), "due_at": None}
    theirs, ours = (rows.schedule(jobs[name], **planned) for name in ("extract", "load"))
    for hours, state in slots:
        slot(jobs["extract"], theirs, SLOT - timedelta(hours=hours), state, result={"hour": -hours})
    slot(jobs["load"], ours, SLOT - timedelta(hours=3), State.SUCCEEDED)
    found = slot(jobs["load"], ours, SLOT, State.QUEUED)
    if again:
        once = rows.execution(jobs["load"], State.FAILED, trigger="replay", replay_of=found)
        found = rows.execution(jobs["load"], State.QUEUED, trigger="replay", replay_of=once)
    seen, outcome = [], Outcome(found)
    with attempts.job_type(lambda params, _: seen.append(params.model_dump()["got"]), params=attempts.AnyParams):
        runner.run([(outcome.id, 1)])
    assert outcome.state == State.SUCCEEDED, outcome.error_message
    return seen


def slot(job, schedule, at, state, **columns):
    return rows.execution(
        job, state, id=identity.slot_id(schedule, "run", at.isoformat(), at), schedule_id=schedule, trigger="schedule",
        scheduled_for=at, not_before=at, **columns,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slots", "value"),
    [
        ([(5, "succeeded"), (2, "succeeded"), (1, "succeeded"), (-1, "succeeded")], {"hour": -1}),
        ([(2, "succeeded"), (0, "running")], {"hour": -2}),
        ([(6, "succeeded"), (4, "succeeded")], {"hour": -4}),  # none since the slot before: the latest counts
        ([(4, "succeeded"), (1, "running")], None),  # what counted before the slot before does not count again
        ([], None),
    ],
)
def test_slot_reads_the_latest_that_has_ended_of_what_its_gates_count(slots, value):
    assert gated(slots) == [value]


def test_replay_of_a_slot_reads_what_the_slot_read():
    assert gated([(1, "succeeded")], again=True) == [{"hour": -1}]
