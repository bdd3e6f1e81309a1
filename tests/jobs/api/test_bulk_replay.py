"""Many executions run again: each once, whoever else replays them."""

from __future__ import annotations

import pytest

from tests.support import many, rows
from tests.support.operations import bulk, drive, seen, steps


@pytest.fixture
def job(owner):
    return rows.job(owner.tenant.id)


def replays(of) -> list[tuple[object, ...]]:
    return rows.fetch(
        "SELECT replay_of, state, triggered_by, payload FROM execution WHERE job_id = %s AND replay_of IS NOT NULL",
        of[0],
    )


def test_each_that_has_ended_becomes_a_new_execution_in_the_authors_name(owner, job):
    former = {rows.execution(job, word) for word in ("succeeded", "failed", "cancelled", "skipped")}
    rows.execution(job, "running")
    operation = bulk(owner, "replay", filter={"job": str(job[0])})
    assert operation["matched"] == 4
    assert drive(operation) == "succeeded"
    made = replays(job)
    author = "key:" + owner.key.split("_")[1]
    assert {row[0] for row in made} == former
    assert {row[1:] for row in made} == {("scheduled", author, None)}


def test_one_that_was_replayed_by_anybody_is_left_out(owner, job):
    by_hand, open_one = rows.execution(job, "failed"), rows.execution(job, "failed")
    assert owner.api.post(f"/api/v1/executions/{by_hand}/retry").status_code == 202
    first = bulk(owner, "replay", filter={"state": "failed"})
    drive(first)
    second = bulk(owner, "replay", filter={"state": "failed"})
    drive(second)
    assert (seen(owner, first)["done"], seen(owner, first)["left_out"]) == (1, {"ALREADY_REPLAYED": 1})
    assert (seen(owner, second)["done"], seen(owner, second)["left_out"]) == (0, {"ALREADY_REPLAYED": 2})
    assert sorted(row[0] for row in replays(job)) == sorted([by_hand, open_one])


def test_what_ends_after_it_was_asked_for_is_not_among_them(owner, job):
    late = rows.execution(job, "running")
    rows.execution(job, "failed")
    operation = bulk(owner, "replay", filter={"job": str(job[0])})
    rows.change("UPDATE execution SET state = 'failed', finished_at = now() WHERE id = %s", late)
    drive(operation)
    assert late not in {row[0] for row in replays(job)}


def test_overrides_go_over_each_ones_own(owner, job):
    rows.execution(job, "failed", payload={"duration_seconds": 1, "fail_rate": 0})
    drive(bulk(owner, "replay", filter={"state": "failed"}, payload={"duration_seconds": 2}))
    assert [row[3] for row in replays(job)] == [{"duration_seconds": 2, "fail_rate": 0}]


def test_what_is_refused_is_told_and_does_not_stop_the_others(owner, job):
    off = rows.job(owner.tenant.id, state="disabled")
    refused = many.executions(off, 25, "failed")
    rows.execution(job, "failed")
    operation = bulk(owner, "replay", filter={"state": "failed"})
    assert drive(operation) == "succeeded"
    told = seen(owner, operation)
    assert (told["done"], told["failed"], len(told["failures"])) == (1, 25, 20)
    assert {row["execution"] for row in told["failures"]} <= {str(key) for key in refused}
    assert (told["failures"][0]["code"], len(replays(job))) == ("INVALID_STATE", 1)


def test_what_a_runner_may_not_override_is_refused_one_by_one(owner, job):
    from tests.support import actors

    script = rows.job(owner.tenant.id, type="script", payload={"script": "true"})
    rows.execution(script, "failed")
    runner = actors.with_scopes(owner, ["executions:run", "executions:read"])
    operation = bulk(runner, "replay", filter={"job": str(script[0])}, payload={"script": "false"})
    drive(operation)
    assert [row["code"] for row in seen(owner, operation)["failures"]] == ["MISSING_SCOPE"]


def test_without_room_it_waits_and_goes_on_as_others_end(owner, job):
    rows.change("UPDATE tenant SET max_unfinished = 3 WHERE id = %s", owner.tenant.id)
    many.executions(job, 5, "failed")
    operation = bulk(owner, "replay", filter={"state": "failed"})
    steps(operation, 3)
    told = seen(owner, operation)
    assert (told["state"], told["done"], told["waiting_on"]) == ("running", 3, "QUOTA_EXCEEDED")
    rows.change(
        "UPDATE execution SET state = 'succeeded', finished_at = now() WHERE job_id = %s AND state = 'scheduled'",
        job[0],
    )
    rows.change("UPDATE quota_room SET counted_at = '-infinity' WHERE tenant_id = %s", owner.tenant.id)
    assert drive(operation) == "succeeded"
    assert (seen(owner, operation)["done"], len({row[0] for row in replays(job)})) == (5, 5)


def test_one_that_somebody_is_replaying_just_now_is_looked_at_again(owner, job):
    import psycopg

    from tests.support import servers

    held = rows.execution(job, "failed")
    operation = bulk(owner, "replay", filter={"state": "failed"})
    with psycopg.connect(servers.URLS["engine"]) as somebody:
        somebody.execute("SELECT 1 FROM execution WHERE id = %s FOR NO KEY UPDATE", [held])
        steps(operation, 1)
        assert (seen(owner, operation)["done"], replays(job)) == (0, [])
    assert drive(operation) == "succeeded"
    assert [row[0] for row in replays(job)] == [held]
