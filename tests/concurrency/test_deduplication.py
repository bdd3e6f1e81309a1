"""However many ask at once under one key: one execution, whatever the policy, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from tests.support import rows
from tests.support.threads import together

MANY = 50


@pytest.fixture
def job(owner: Any) -> Any:
    return _job(owner)


def _job(owner: Any, **fields: Any) -> Any:
    answer = owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy", **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


def _ask(owner: Any, key: str) -> tuple[int, dict[str, Any]]:
    answer = owner.api.post("/api/v1/jobs/a/trigger", {"dedup_key": key})
    return answer.status_code, answer.json()


def _states(job: Any) -> Counter[str]:
    return Counter(state for (state,) in rows.fetch("SELECT state FROM execution WHERE job_id = %s", job["id"]))


def test_a_hundred_at_once_make_one_execution(owner, job):
    # The first fifty meet each other, the others what is committed.
    told = [*together([partial(_ask, owner, "k")] * MANY), *together([partial(_ask, owner, "k")] * MANY)]
    assert Counter(status for status, _ in told) == {202: 1, 200: 2 * MANY - 1}
    assert len({body["id"] for _, body in told}) == 1
    assert _states(job) == {"scheduled": 1}
    assert rows.fetch("SELECT count(*) FROM audit_event WHERE object_id = %s", told[0][1]["id"]) == [(1,)]


def test_one_of_many_takes_over_the_key_of_an_execution_that_has_ended(owner, job):
    first = _ask(owner, "k")[1]["id"]
    rows.change("UPDATE execution SET state = 'failed', finished_at = now() WHERE id = %s", first)
    told = together([partial(_ask, owner, "k")] * MANY)
    assert Counter(status for status, _ in told) == {202: 1, 200: MANY - 1}
    assert _states(job) == {"failed": 1, "scheduled": 1}


def test_of_many_that_replace_each_other_one_is_left_and_the_others_say_so(owner):
    job = _job(owner, dedup_conflict="replace")
    told = together([partial(_ask, owner, "k")] * MANY)
    assert {status for status, _ in told} == {202}
    assert _states(job) == {"skipped": MANY - 1, "scheduled": 1}
    [(left,)] = rows.fetch("SELECT id FROM execution WHERE job_id = %s AND state = 'scheduled'", job["id"])
    assert rows.fetch("SELECT execution_id FROM reservation WHERE scope = %s", f"dedup:{job['id']}") == [(left,)]


def test_many_are_rejected_but_one(owner):
    job = _job(owner, dedup_conflict="reject", dedup_seconds=60)
    told = together([partial(_ask, owner, "k")] * MANY)
    assert Counter(status for status, _ in told) == {202: 1, 409: MANY - 1}
    [(made,)] = rows.fetch("SELECT id FROM execution WHERE job_id = %s", job["id"])
    assert {body["error"]["details"]["execution"] for status, body in told if status == 409} == {str(made)}


def test_batches_that_name_the_same_keys_in_any_order_never_wait_for_each_other(owner, job):
    def batch(keys: tuple[str, ...]) -> list[dict[str, Any]]:
        wishes = [{"job": "a", "dedup_key": key} for key in keys]
        answer = owner.api.post("/api/v1/executions/batch", {"executions": wishes})
        assert answer.status_code == 202, answer.content
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    told = together([partial(batch, keys) for keys in permutations("abcd")])
    assert sum(not each["deduplicated"] for data in told for each in data) == 4
    assert _states(job) == {"scheduled": 4}


def test_one_that_is_cancelled_while_others_replace_it_is_never_waited_for_in_a_circle(owner):
    job = _job(owner, dedup_conflict="replace")
    first = _ask(owner, "k")[1]["id"]
    cancel = partial(owner.api.post, f"/api/v1/executions/{first}/cancel")
    together([cancel, *[partial(_ask, owner, "k")] * 10])
    states = _states(job)
    assert (states["scheduled"], states["skipped"] + states["cancelled"]) == (1, 10)
