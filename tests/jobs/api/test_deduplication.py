"""Requests with the same key make one execution: over the API, by every policy and length of a key."""

from __future__ import annotations

import pytest

from tests.support import actors, rows


@pytest.fixture
def asked(owner):
    """Triggers the job; returns (status, body)."""

    def ask(key=None, **said):
        said |= {"dedup_key": key} if key else {}
        answer = owner.api.post("/api/v1/jobs/nightly/trigger", said)
        return answer.status_code, answer.json()

    return ask


def _end(execution, state="succeeded"):
    rows.change("UPDATE execution SET state = %s, finished_at = now() WHERE id = %s", state, execution["id"])


def _count(job):
    return rows.fetch("SELECT count(*) FROM execution WHERE job_id = %s", job["id"])[0][0]


def test_a_second_request_finds_the_execution_of_the_first_while_that_has_not_ended(make_job, asked):
    job = make_job()
    status, first = asked("order-1")
    assert (status, first["deduplicated"], first["dedup_key"]) == (202, False, "order-1")
    status, second = asked("order-1", payload={"duration_seconds": 9})
    assert (status, second["deduplicated"], second["id"]) == (200, True, first["id"])
    assert second["payload"] == first["payload"]
    assert asked("order-2")[0] == 202
    _end(first)
    assert asked("order-1")[1]["id"] != first["id"]
    assert _count(job) == 3


@pytest.mark.parametrize("state", ["failed", "cancelled", "succeeded"])
def test_a_window_takes_the_key_from_the_request_on_whatever_becomes_of_its_execution(make_job, asked, state):
    make_job(dedup_seconds=600)
    first = asked("k")[1]
    _end(first, state)
    assert asked("k")[1]["id"] == first["id"]
    rows.change("UPDATE reservation SET expires_at = now() WHERE execution_id = %s", first["id"])
    second = asked("k")[1]
    assert (second["deduplicated"], asked("k")[1]["id"]) == (False, second["id"])


def test_a_window_that_is_over_gives_the_key_back_though_its_execution_goes_on(make_job, asked):
    make_job(dedup_seconds=600)
    first = asked("k")[1]
    rows.change("UPDATE reservation SET expires_at = now() WHERE execution_id = %s", first["id"])
    assert asked("k")[0] == 202


def test_the_jobs_key_is_read_from_the_payload_and_a_requests_own_goes_before_it(make_job, asked):
    make_job(dedup_key="of {duration_seconds}", payload={"duration_seconds": 1})
    first = asked()[1]
    assert first["dedup_key"] == "of 1"
    assert asked(payload={"duration_seconds": 1})[1]["id"] == first["id"]
    assert asked(payload={"duration_seconds": 2})[1]["dedup_key"] == "of 2"
    assert asked("of 2")[1]["deduplicated"] is True
    assert asked("another")[1]["deduplicated"] is False


def test_reject_names_the_execution_that_has_the_key(make_job, asked):
    make_job(dedup_conflict="reject")
    first = asked("k")[1]
    status, refused = asked("k")
    assert (status, refused["error"]["code"]) == (409, "CONFLICT")
    assert refused["error"]["details"] == {"execution": first["id"]}
    assert first["id"] in refused["error"]["message"]
    assert "'k'" not in refused["error"]["message"]


@pytest.mark.parametrize("state", ["scheduled", "pending", "queued"])
def test_replace_skips_one_that_no_worker_holds(owner, make_job, asked, state):
    make_job(dedup_conflict="replace")
    first = asked("k")[1]
    rows.change("UPDATE execution SET state = %s WHERE id = %s", state, first["id"])
    status, second = asked("k")
    assert (status, second["deduplicated"]) == (202, False)
    skipped = owner.api.get(f"/api/v1/executions/{first['id']}").json()
    assert (skipped["state"], skipped["reason"]) == ("skipped", "REPLACED")
    assert "took its place" in owner.api.get(f"/api/v1/executions/{first['id']}/explain").json()["summary"]
    (told,) = rows.fetch("SELECT changes FROM audit_event WHERE object_id = %s", second["id"])
    assert told[0]["replaces"] == [None, first["id"]]


def test_replace_leaves_one_that_runs_or_has_run_alone_and_answers_with_it(make_job, asked):
    make_job(dedup_conflict="replace", dedup_seconds=600)
    first = asked("k")[1]
    rows.change("UPDATE execution SET state = 'running', epoch = 1, started_at = now() WHERE id = %s", first["id"])
    assert asked("k")[1]["id"] == first["id"]
    _end(first)
    status, second = asked("k")
    assert (status, second["id"], second["state"]) == (200, first["id"], "succeeded")


def test_what_a_window_outlives_is_told_by_name(make_job, asked):
    make_job(dedup_seconds=600)
    first = asked("k")[1]
    rows.change("DELETE FROM execution WHERE id = %s", first["id"])
    status, refused = asked("k")
    assert (status, refused["error"]["details"]) == (409, {"execution": first["id"]})


def test_a_key_is_its_jobs_and_its_tenants_and_shared_by_all_who_ask(owner, outsider, make_job, asked):
    make_job()
    make_job(name="another")
    first = asked("k")[1]
    assert owner.api.post("/api/v1/jobs/another/trigger", {"dedup_key": "k"}).status_code == 202
    outsider.api.post("/api/v1/jobs", {"name": "nightly", "type": "dummy"})
    assert outsider.api.post("/api/v1/jobs/nightly/trigger", {"dedup_key": "k"}).status_code == 202
    client = actors.with_scopes(owner, ["executions:run"])
    found = client.api.post("/api/v1/executions", {"job": "nightly", "dedup_key": "k"}).json()
    assert (found["id"], found["deduplicated"]) == (first["id"], True)
    # It may hold what the payload holds.
    assert (found["dedup_key"], found["payload"]) == (None, None)


def test_a_replay_and_what_is_refused_take_no_key(owner, make_job, asked):
    make_job()
    assert asked("k", payload={"duration_seconds": "x"})[0] == 422
    first = asked("k")[1]
    assert first["deduplicated"] is False
    _end(first, "failed")
    again = owner.api.post(f"/api/v1/executions/{first['id']}/retry").json()
    assert again["dedup_key"] == ""
    assert asked("k")[1]["id"] not in (first["id"], again["id"])


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "a\0b", 7.5, {"a": 1}])
def test_a_key_that_is_none_is_refused_by_name(make_job, owner, key):
    make_job()
    answer = owner.api.post("/api/v1/jobs/nightly/trigger", {"dedup_key": key})
    assert answer.status_code == (202 if key == 7.5 else 422)
    assert key == 7.5 or list(answer.json()["error"]["details"]) == ["dedup_key"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("dedup_key", "{customer_id}"),
        ("dedup_key", "order:{"),
        ("dedup_seconds", 0),
        ("dedup_seconds", 31 * 86_400),
        ("dedup_conflict", "ignore"),
    ],
)
def test_what_a_job_cannot_follow_is_refused_by_name(owner, field, wrong):
    answer = owner.api.post("/api/v1/jobs", {"name": "x", "type": "dummy", field: wrong})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def _batch(owner, *items):
    answer = owner.api.post("/api/v1/executions/batch", {"executions": [{"job": "nightly", **item} for item in items]})
    return answer.status_code, answer.json()


def test_a_batch_makes_what_is_not_there_and_of_equal_keys_one(owner, make_job, asked):
    job = make_job()
    there = asked("a")[1]
    status, told = _batch(owner, {"dedup_key": "b"}, {"dedup_key": "a"}, {}, {"dedup_key": "b"}, {})
    data = told["data"]
    assert status == 202
    assert [each["deduplicated"] for each in data] == [False, True, False, True, False]
    assert (data[1]["id"], data[3]["id"]) == (there["id"], data[0]["id"])
    assert _count(job) == 4
    assert _batch(owner, {"dedup_key": "a"}, {"dedup_key": "b"})[1]["data"][1]["id"] == data[0]["id"]
    assert _count(job) == 4


def test_of_equal_keys_in_a_batch_that_replaces_the_last_is_made(owner, make_job, asked):
    make_job(dedup_conflict="replace")
    first = asked("k")[1]
    payloads = [{"duration_seconds": 1}, {"duration_seconds": 2}]
    data = _batch(owner, *({"dedup_key": "k", "payload": payload} for payload in payloads))[1]["data"]
    assert [each["deduplicated"] for each in data] == [True, False]
    assert data[0]["id"] == data[1]["id"]
    assert data[1]["payload"] == payloads[1]
    assert rows.state_of(first["id"]) == "skipped"


def test_a_batch_of_which_a_key_is_rejected_makes_nothing_and_says_where(owner, make_job, asked):
    job = make_job(dedup_conflict="reject")
    asked("a")
    status, refused = _batch(owner, {"dedup_key": "b"}, {"dedup_key": "a"}, {"dedup_key": "b"})
    assert (status, refused["error"]["code"]) == (409, "CONFLICT")
    assert sorted(refused["error"]["details"]) == ["executions[1]", "executions[2]"]
    assert _count(job) == 1
    assert asked("b")[0] == 202
