"""Tags on answers, and conditions that name them: who has read an older version changes nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support import actors, logins, rows

CRON = {"kind": "cron", "expression": "0 0 * * *"}
NIGHTLY = "/api/v1/jobs/nightly"
SOON = "2100-01-01T00:00:00Z"


@pytest.fixture
def operator():
    return actors.operator()


def tag(owner, path=NIGHTLY):
    answer = owner.api.get(path)
    assert answer.status_code == 200
    return answer["ETag"]


def test_every_answer_that_shows_one_has_the_tag_that_get_has(owner, make_job):
    made = owner.api.post("/api/v1/jobs", {"name": "nightly", "type": "dummy", "schedules": [CRON]})
    schedule = f"/api/v1/schedules/{made.json()['schedules'][0]['id']}"
    assert made["ETag"] == tag(owner)
    for path, method, body in (
        (NIGHTLY, "patch", {"timeout_seconds": 7}), (NIGHTLY, "put", {"type": "dummy"}), (f"{NIGHTLY}/pause", "post", {}),
        (f"{NIGHTLY}/resume", "post", {}), (f"{NIGHTLY}/throttle", "post", {"max_running": 1, "until": soon()}),
        (f"{NIGHTLY}/unthrottle", "post", {}), (f"{NIGHTLY}/disable", "post", {}), (f"{NIGHTLY}/activate", "post", {}),
        (schedule, "patch", {"misfire": "all"}), (schedule, "put", CRON), (f"{schedule}/pause", "post", {}),
        (f"{schedule}/resume", "post", {}),
    ):  # fmt: skip
        answer = owner.api.ask(method, path, body)
        assert answer.status_code == 200, (path, answer.content)
        assert answer["ETag"] == tag(owner, schedule if "schedules" in path else NIGHTLY), (path, method)
    added = owner.api.post("/api/v1/schedules", {"job": "nightly", **CRON})
    assert added["ETag"] == tag(owner, f"/api/v1/schedules/{added.json()['id']}")


def soon():
    return (rows.now() + rows.timedelta(hours=1)).isoformat()


def test_any_change_changes_the_tag_and_planning_a_slot_does_not(owner, make_job):
    job = make_job(schedules=[{**CRON, "expression": "* * * * * *"}])
    schedule = f"/api/v1/schedules/{job['schedules'][0]['id']}"
    seen = {tag(owner)}
    with logins.engine():
        from jobs.engine import planner

        planner.plan_due()
    assert rows.fetch("SELECT count(*) > 0 FROM execution WHERE job_id = %s", job["id"]) == [(True,)]
    assert {tag(owner)} == seen
    for path, method, body in (
        (NIGHTLY, "patch", {"description": "d"}), (NIGHTLY, "patch", {"tags": ["a"]}), (NIGHTLY, "patch", {"retry": {"max_attempts": 1}}),
        (f"{NIGHTLY}/throttle", "post", {"max_running": 1, "until": soon()}), (schedule, "patch", {"misfire": "all"}),
        (f"{schedule}/pause", "post", {}), ("/api/v1/schedules", "post", {"job": "nightly", **CRON}), (schedule, "delete", None),
        (f"{NIGHTLY}/pause", "post", {}),
    ):  # fmt: skip
        assert owner.api.ask(method, path, body).status_code < 300, path
        assert tag(owner) not in seen, (path, body)
        seen.add(tag(owner))


def test_a_job_made_anew_under_the_name_has_another_tag(owner, make_job):
    make_job()
    before = tag(owner)
    owner.api.delete(NIGHTLY)
    make_job()
    assert tag(owner) != before


CHANGES = [
    ("patch", "", {"priority": 1}), ("put", "", {"type": "dummy"}), ("delete", "", None), ("post", "/pause", {}), ("post", "/resume", {}),
    ("post", "/disable", {}), ("post", "/activate", {}), ("post", "/throttle", {"max_running": 1, "until": SOON}), ("post", "/unthrottle", {}),
    ("post", "/rollback", {"revision": 1}), ("post", "/duplicate", {"name": "another"}),
]  # fmt: skip


def test_a_job_that_was_changed_meanwhile_is_left_alone_and_the_editor_told_what_it_is_now(owner, make_job):
    make_job(payload={"duration_seconds": 1})
    read = tag(owner)
    now = owner.api.patch(NIGHTLY, {"payload": {"duration_seconds": 2}})
    before = rows.fetch("SELECT count(*) FROM audit_event")
    for method, action, body in CHANGES:
        answer = owner.api.ask(method, NIGHTLY + action, body, If_Match=read)
        assert answer.status_code == 412, (method, action, answer.content)
        error = answer.json()["error"]
        assert error["code"] == "ETAG_MISMATCH"
        assert error["details"] == {"etag": now["ETag"], "revision": 2, "updated_at": now.json()["updated_at"]}
    assert owner.api.get(NIGHTLY).json() == now.json()
    assert rows.fetch("SELECT count(*) FROM audit_event") == before


def test_a_schedule_that_was_changed_meanwhile_is_left_alone(owner, make_job):
    path = f"/api/v1/schedules/{make_job(schedules=[CRON])['schedules'][0]['id']}"
    read = tag(owner, path)
    now = owner.api.patch(path, {"expression": "0 1 * * *"})
    changes = [
        ("patch", "", {"misfire": "skip"}),
        ("put", "", CRON),
        ("delete", "", None),
        ("post", "/pause", {}),
        ("post", "/resume", {}),
    ]
    for method, action, body in changes:
        answer = owner.api.ask(method, path + action, body, If_Match=read)
        assert (answer.status_code, answer.json()["error"]["code"]) == (412, "ETAG_MISMATCH")
        assert answer.json()["error"]["details"] == {"etag": now["ETag"], "updated_at": now.json()["updated_at"]}
    assert owner.api.get(path).json() == now.json()


def test_who_has_read_what_is_there_changes_it(owner, make_job):
    make_job()
    for priority, listed in enumerate(("*", '"x", {}', "{}")):
        condition = listed.format(tag(owner))
        assert owner.api.ask("patch", NIGHTLY, {"priority": priority}, If_Match=condition).status_code == 200
        assert owner.api.ask("patch", NIGHTLY, {"priority": 9}, If_Match=f"W/{tag(owner)}").status_code == 412
    assert owner.api.ask("delete", NIGHTLY, If_Match=tag(owner)).status_code == 204


def test_a_condition_that_cannot_be_read_is_refused_and_not_passed_over(owner, make_job):
    before = make_job()
    for header in ("nightly", '"a', "", "*, *"):
        answer = owner.api.ask("patch", NIGHTLY, {"priority": 1}, If_Match=header)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_HEADER")
        assert list(answer.json()["error"]["details"]) == ["If-Match"]
    assert owner.api.get(NIGHTLY).json() == before


def test_a_condition_on_what_is_not_there(owner):
    assert owner.api.ask("patch", NIGHTLY, {}, If_Match="*").status_code == 404
    answer = owner.api.ask("put", NIGHTLY, {"type": "dummy"}, If_Match="*")
    assert (answer.status_code, answer.json()["error"]["details"]["etag"]) == (412, None)
    assert owner.api.get(NIGHTLY).status_code == 404


def test_if_none_match_star_creates_and_never_replaces(owner):
    assert owner.api.ask("put", NIGHTLY, {"type": "dummy"}, If_None_Match="*").status_code == 201
    before = owner.api.get(NIGHTLY)
    answer = owner.api.ask("put", NIGHTLY, {"type": "dummy", "priority": 1}, If_None_Match="*")
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "ETAG_MISMATCH")
    assert "exists already" in answer.json()["error"]["message"]
    assert answer.json()["error"]["details"]["etag"] == before["ETag"]
    assert owner.api.get(NIGHTLY).json() == before.json()
    assert owner.api.ask("put", NIGHTLY, {"type": "dummy"}, If_None_Match='"x"').status_code == 200


def test_the_tag_tells_nobody_what_is_in_a_payload(owner, teammate, make_job):
    """It is the same for who may not see payloads, and made under a key: guessing at it needs the key."""
    make_job(payload={"duration_seconds": 1})
    assert teammate.api.get(NIGHTLY).json()["payload"] is None
    assert teammate.api.get(NIGHTLY)["ETag"] == tag(owner)


def test_a_queue_that_was_changed_meanwhile_is_left_alone(operator):
    path = f"/api/v1/queues/q-{uuid4().hex[:12]}"
    made = operator.api.post("/api/v1/queues", {"name": path.rpartition("/")[2]})
    read = made["ETag"]
    assert tag(operator, path) == read
    now = operator.api.patch(path, {"max_running": 3})
    assert now["ETag"] == tag(operator, path) != read
    for method, action, body in (
        ("patch", "", {"batch_size": 1}), ("delete", "", None), ("post", "/pause", {}), ("post", "/unthrottle", {}),
        ("post", "/throttle", {"max_running": 1, "until": soon()}),
    ):  # fmt: skip
        answer = operator.api.ask(method, path + action, body, If_Match=read)
        assert (answer.status_code, answer.json()["error"]["details"]) == (412, {"etag": now["ETag"]})
    assert operator.api.ask("post", f"{path}/pause", {}, If_Match=now["ETag"]).status_code == 200
    assert operator.api.ask("delete", path, None, If_Match=tag(operator, path)).status_code == 204
