"""However many events come at once: one run of those that debounce, none lost, none doubled."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from jobs.engine import transitions
from jobs.models import Execution
from tests.support import actors, rows
from tests.support.stack import wait_for
from tests.support.threads import together

MANY = 50


def awaiting(owner: Any, **said: Any) -> Any:
    schedule = {"kind": "event", "event": "order.paid", **said}
    answer = owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy", "schedules": [schedule]})
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(owner: Any, **said: Any) -> dict[str, Any]:
    answer = owner.api.post("/api/v1/events", {"name": "order.paid", **said})
    assert answer.status_code == 202, answer.content
    received: dict[str, Any] = answer.json()
    return received


def runs(job: Any) -> list[Any]:
    return rows.fetch("SELECT id, event->'payload'->>'n', not_before FROM execution WHERE job_id = %s", job["id"])


def test_many_events_at_once_make_one_run_with_the_payload_of_the_last(owner):
    job = awaiting(owner, debounce_seconds=600)
    sent = together([partial(send, owner, payload={"n": n}) for n in range(MANY)])
    assert Counter(each["started"][0]["debounced"] for each in sent) == {False: 1, True: MANY - 1}
    [(run, n, _)] = runs(job)
    assert {each["started"][0]["execution"] for each in sent} == {str(run)}
    stored = rows.fetch("SELECT event->>'id' FROM execution WHERE id = %s", run)[0][0]
    assert sent[int(n)]["id"] == stored


def test_without_a_debounce_each_event_makes_its_own(owner):
    job = awaiting(owner)
    together([partial(send, owner, payload={"n": n}) for n in range(MANY)])
    assert sorted(int(n) for _, n, _ in runs(job)) == list(range(MANY))


def test_of_a_key_that_many_send_at_once_one_counts(owner):
    job = awaiting(owner)
    sent = together([partial(send, owner, dedup_key="k") for _ in range(20)])
    assert Counter(each["outcome"] for each in sent) == {"started": 1, "duplicate": 19}
    assert len({each["duplicate_of"] for each in sent if each["duplicate_of"]}) == 1
    assert len(runs(job)) == 1


def test_a_limited_number_of_runs_is_never_exceeded(owner):
    job = awaiting(owner, max_runs=3)
    sent = together([partial(send, owner) for _ in range(20)])
    assert Counter(each["outcome"] for each in sent) == {"started": 3, "left_out": 17}
    assert len(runs(job)) == 3
    assert rows.fetch("SELECT runs, state FROM schedule WHERE job_id = %s", job["id"]) == [(3, "ended")]


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize("commits", [True, False])
def test_an_event_that_comes_as_the_waiting_run_ripens_makes_the_next_one(owner, commits):
    job = awaiting(owner, debounce_seconds=600)
    first = send(owner, payload={"n": 1})["started"][0]["execution"]

    def ripen() -> None:
        with actors.platform(), transaction.atomic():
            horizon = Execution.objects.get(pk=first).not_before
            assert transitions.ripen(now=horizon, limit=1000)[0] >= 1
            # The event has found the run that waits, and waits itself for what becomes of it.
            wait_for(_somebody_waits_for_a_lock, 30, "the event waits for the run", every=0.02)
            transaction.set_rollback(not commits)

    def report() -> dict[str, Any]:
        wait_for(_somebody_ripens, 30, "the run ripens", every=0.02)
        return send(owner, payload={"n": 2})

    _, later = together([ripen, report])
    made = {str(run): n for run, n, _ in runs(job)}
    if commits:
        assert later["started"][0]["debounced"] is False
        assert made == {first: "1", later["started"][0]["execution"]: "2"}
    else:
        assert later["started"][0]["debounced"] is True
        assert made == {first: "2"}


def _somebody_waits_for_a_lock() -> bool:
    return bool(_sessions("wait_event_type = 'Lock' AND query LIKE '%%wait for their events to settle%%'"))


def _somebody_ripens() -> bool:
    return bool(_sessions("state = 'idle in transaction' AND query LIKE '%%ripened_at%%'"))


def _sessions(condition: str) -> int:
    found = rows.fetch(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}")
    return int(found[0][0])
