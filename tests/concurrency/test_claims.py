"""Whoever claims, cancels, finishes or gives up an execution at the same time: one of them wins, once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.engine import records, transitions, watchdog
from jobs.engine.records import Claim, Fence
from jobs.rules.states import TERMINAL, State
from tests.support import many, one, rows
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def claim(execution: UUID) -> Claim | None:
    return one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)


def fence(of: Claim) -> Fence:
    return Fence(id=of.id, attempt_id=of.attempt_id, epoch=of.epoch)


def shuffled(executions: list[UUID], seed: int) -> list[UUID]:
    return random.Random(seed).sample(executions, len(executions))


def test_fifty_threads_claim_a_thousand_executions_each_once():
    executions = many.executions(rows.job(), 1000, State.QUEUED)
    # Five threads are after the same hundred, in the same order.
    wanted = [executions[start : start + 100] for start in range(0, 1000, 100) for _ in range(5)]

    def take(ids: list[UUID]) -> list[UUID]:
        return [execution for execution in ids if claim(execution)]

    taken = Counter(execution for ids in together([partial(take, ids) for ids in wanted]) for execution in ids)
    assert taken == Counter(executions)
    assert rows.fetch("SELECT count(*), count(DISTINCT execution_id), max(epoch) FROM attempt") == [(1000, 1000, 1)]
    assert rows.fetch("SELECT state, epoch, count(*) FROM execution GROUP BY 1, 2") == [(State.RUNNING, 1, 1000)]


def test_finish_and_watchdog_race_and_one_of_them_decides():
    executions = many.executions(rows.job(), 200, State.RUNNING, worker_id=rows.dead_worker())

    def finish() -> list[UUID]:
        return [
            execution
            for execution in shuffled(executions, 1)
            if one.succeed(Fence(id=execution, attempt_id=uuid4(), epoch=1), result=1)
        ]

    finished, _ = together([finish, watchdog.recover_lost])
    assert set(finished) == {row[0] for row in rows.fetch("SELECT id FROM execution WHERE state = 'succeeded'")}
    assert rows.fetch("SELECT count(*) FROM execution WHERE state NOT IN ('succeeded', 'scheduled')") == [(0,)]
    assert rows.fetch("SELECT count(*), count(DISTINCT execution_id) FROM event") == [(200, 200)]


def test_cancel_claim_and_finish_race_to_exactly_one_end():
    executions = many.executions(rows.job(), 1000, State.QUEUED)

    def work(seed: int) -> Counter[str]:
        outcome: Counter[str] = Counter()
        for execution in shuffled(executions, seed):
            if (mine := claim(execution)) and one.succeed(fence(mine)):
                outcome["succeeded"] += 1
        return outcome

    def cancel(seed: int) -> Counter[str]:
        return Counter(str(transitions.cancel(execution)) for execution in shuffled(executions, seed))

    first, second, asked = together([partial(work, 1), partial(work, 2), partial(cancel, 3)])
    ends = dict(rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1"))
    assert set(ends) == {State.SUCCEEDED, State.CANCELLED}
    assert ends[State.SUCCEEDED] == first["succeeded"] + second["succeeded"]
    assert ends[State.CANCELLED] == asked["cancelled"]
    assert_one_terminal_event_each(1000)


def test_cancel_and_retry_race_and_nothing_wanted_gone_goes_on():
    executions = many.executions(rows.job(), 300, State.RUNNING)
    problem = records.Problem(code="EXECUTION_FAILED", message="it broke")

    def fail() -> list[Any]:
        fences = [Fence(id=execution, attempt_id=uuid4(), epoch=1) for execution in shuffled(executions, 1)]
        return [transitions.retry(each, problem, delay=timedelta()) for each in fences]

    def cancel() -> list[Any]:
        return [transitions.cancel(execution) for execution in shuffled(executions, 2)]

    settled, asked = together([fail, cancel])
    assert all(settled)
    assert all(asked)
    assert rows.fetch("SELECT state, count(*) FROM execution GROUP BY 1") == [(State.CANCELLED, 300)]
    assert_one_terminal_event_each(300)


def assert_one_terminal_event_each(count: int) -> None:
    kinds = [f"execution.{state}" for state in TERMINAL]
    found = rows.fetch("SELECT count(*), count(DISTINCT execution_id) FROM event WHERE kind = ANY(%s)", kinds)
    assert found == [(count, count)]
    ended = (
        "SELECT count(*) FROM execution e JOIN event v ON v.execution_id = e.id AND v.kind = 'execution.' || e.state"
    )
    assert rows.fetch(ended) == [(count,)]
