"""Concurrency keys, rates and throttles of jobs over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import rows


def _details(answer):
    return answer.json()["error"]["details"]


def test_a_job_has_no_limits_unless_it_says_so(make_job):
    job = make_job()
    limits = ("concurrency_key", "max_running_per_key", "rate_limit", "rate_burst", "throttle")
    assert [job[name] for name in limits] == ["", 1, "", None, None]


def test_limits_are_stored_changed_and_told_in_the_trail(owner, make_job):
    given = {
        "concurrency_key": "d:{duration_seconds}",
        "max_running_per_key": 3,
        "rate_limit": "100/m",
        "rate_burst": 10,
        "key_rate_limit": "5/h",
        "key_rate_burst": 2,
    }
    job = make_job(**given)
    assert {name: job[name] for name in given} == given
    changed = owner.api.patch(f"/api/v1/jobs/{job['id']}", {"rate_limit": "", "rate_burst": None}).json()
    assert (changed["rate_limit"], changed["rate_burst"], changed["revision"]) == ("", None, 1)
    trail = rows.fetch("SELECT changes ->> 'rate_limit' FROM audit_event WHERE object_id = %s ORDER BY id", job["id"])
    assert trail[-1] == ('["100/m", ""]',)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("rate_limit", "100"),
        ("rate_limit", "0/s"),
        ("rate_limit", "5/week"),
        ("rate_burst", 0),
        ("key_rate_limit", "5/week"),
        ("key_rate_limit", "100/m"),  # without a concurrency key
        ("max_running_per_key", 0),
        ("max_running_per_key", None),
        ("concurrency_key", "customer:{"),
        ("concurrency_key", "customer:{customer_id}"),
        ("concurrency_key", "x" * 201),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(owner, field, wrong):
    answer = owner.api.post("/api/v1/jobs", {"name": "limited", "type": "dummy", field: wrong})
    assert answer.status_code == 422
    assert list(_details(answer)) == [field]


def test_a_field_no_payload_of_the_type_has_is_refused_with_those_there_are(owner):
    answer = owner.api.post("/api/v1/jobs", {"name": "x", "type": "dummy", "concurrency_key": "{customer_id}"})
    assert "duration_seconds" in _details(answer)["concurrency_key"][0]


def test_an_execution_gets_the_key_of_its_own_payload(owner, make_job):
    make_job(concurrency_key="d:{duration_seconds}", payload={"duration_seconds": 1})
    plain = owner.api.post("/api/v1/jobs/nightly/trigger").json()
    own = owner.api.post("/api/v1/jobs/nightly/trigger", {"payload": {"duration_seconds": 2}}).json()
    assert [row["concurrency_key"] for row in (plain, own)] == ["d:1", "d:2"]


def _until(**ahead):
    return (rows.now() + timedelta(**ahead)).isoformat()


def test_a_job_is_throttled_and_let_go(owner, make_job):
    job = make_job()
    until = _until(hours=1)
    throttled = owner.api.post(f"/api/v1/jobs/{job['id']}/throttle", {"max_running": 0, "until": until})
    assert throttled.status_code == 200
    assert throttled.json()["throttle"] == {"max_running": 0, "until": until.replace("+00:00", "Z")}
    assert owner.api.post(f"/api/v1/jobs/{job['id']}/unthrottle").json()["throttle"] is None
    actions = rows.fetch("SELECT action FROM audit_event WHERE object_id = %s ORDER BY id", job["id"])
    assert [row[0] for row in actions] == ["job.created", "job.throttled", "job.unthrottled"]


def test_a_throttle_that_is_over_is_shown_no_more(owner, make_job):
    job = make_job()
    rows.change("UPDATE job SET throttle_max_running = 1, throttled_until = now() WHERE id = %s", job["id"])
    assert owner.api.get(f"/api/v1/jobs/{job['id']}").json()["throttle"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_running": 1, "until": _until(days=8)}, "until"),
        ({"max_running": 1, "until": _until(seconds=-1)}, "until"),
        ({"max_running": -1, "until": _until(hours=1)}, "max_running"),
        ({"until": _until(hours=1)}, "max_running"),
    ],
)
def test_a_throttle_without_sense_is_refused(owner, make_job, body, field):
    answer = owner.api.post(f"/api/v1/jobs/{make_job()['id']}/throttle", body)
    assert answer.status_code == 422
    assert list(_details(answer)) == [field]


def test_who_may_only_look_throttles_nothing(teammate, make_job):
    path = f"/api/v1/jobs/{make_job()['id']}"
    for action in ("throttle", "unthrottle"):
        assert teammate.api.post(f"{path}/{action}", {"max_running": 1, "until": _until(hours=1)}).status_code == 403


def test_a_queue_says_how_it_stands_and_what_limits_it(owner):
    rows.insert(
        "queue",
        name="slow",
        rate_limit="5/s",
        throttle_max_running=2,
        throttled_until=_until(hours=1),
        created_at=rows.now(),
    )
    try:
        assert owner.api.get("/api/v1/queues/slow").json()["throttle"]["max_running"] == 2
        others = rows.job()
        running = rows.execution(others, "running", queue_id="slow")
        states = [owner.api.get("/api/v1/queues/slow").json()["state"]]
        rows.change("UPDATE queue SET paused_at = now() WHERE name = 'slow'")
        states.append(owner.api.get("/api/v1/queues/slow").json()["state"])
        rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", running)
        states += [row["state"] for row in owner.api.every("/api/v1/queues") if row["name"] == "slow"]
        assert states == ["active", "draining", "drained"]
    finally:
        rows.change("DELETE FROM execution WHERE queue_id = 'slow'")
        rows.change("DELETE FROM queue WHERE name = 'slow'")
