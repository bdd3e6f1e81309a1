"""What a job was, what changed, going back, and copies."""

from __future__ import annotations

import pytest

from jobs import handlers
from tests.support import rows
from tests.support.actors import Api

CRON = {"kind": "cron", "expression": "0 0 * * *"}
NIGHTLY = "/api/v1/jobs/nightly"
HTTP = {
    "name": "nightly", "type": "http", "payload": {"url": "https://example.com", "headers": {"A": "1", "B": "2"}}, "priority": 3,
}  # fmt: skip


@pytest.fixture
def revised(owner):
    """At revision 3."""
    assert owner.api.post("/api/v1/jobs", HTTP).status_code == 201
    owner.api.patch(
        NIGHTLY, {"payload": {"headers": {"A": None, "B": "3"}, "method": "POST"}, "retry": {"max_attempts": 9}}
    )
    job = owner.api.patch(NIGHTLY, {"timeout_seconds": 7, "description": "d"}).json()
    assert job["revision"] == 3
    return job


def test_one_revision_is_as_the_list_tells_it(owner, revised):
    listed = owner.api.get(f"{NIGHTLY}/revisions").json()["data"]
    assert [owner.api.get(f"{NIGHTLY}/revisions/{number}").json() for number in (3, 2, 1)] == listed
    for number, status in ((0, 404), (4, 404), (2**31, 404), ("x", 404), (-1, 404)):
        assert owner.api.get(f"{NIGHTLY}/revisions/{number}").status_code == status
        assert owner.api.get(f"{NIGHTLY}/revisions/{number}/diff").status_code == status


def test_a_diff_is_with_the_one_before_or_with_any_other(owner, revised):
    def diff(number, **query):
        return owner.api.get(f"{NIGHTLY}/revisions/{number}/diff", **query).json()

    assert diff(3) == {
        "revision": 3, "compared_with": 2,
        "differences": [{"path": "timeout_seconds", "change": "changed", "before": 300, "after": 7}],
    }  # fmt: skip
    assert [(each["path"], each["change"], each["before"], each["after"]) for each in diff(2)["differences"]] == [
        ("payload.headers.A", "removed", "1", None),
        ("payload.headers.B", "changed", "2", "3"),
        ("payload.method", "added", None, "POST"),
        ("retry.max_attempts", "added", None, 9),
    ]
    assert diff(2, **{"with": 2})["differences"] == []
    forth, back = diff(3, **{"with": 1})["differences"], diff(1, **{"with": 3})["differences"]
    assert {(each["path"], str(each["before"]), str(each["after"])) for each in forth} == {
        (each["path"], str(each["after"]), str(each["before"])) for each in back
    }
    first = diff(1)
    assert first["compared_with"] is None
    assert {each["path"]: each["change"] for each in first["differences"]} == dict.fromkeys(
        ("type", "payload", "timeout_seconds", "retry"), "added"
    )
    assert owner.api.get(f"{NIGHTLY}/revisions/1/diff", **{"with": 9}).status_code == 404
    assert owner.api.get(f"{NIGHTLY}/revisions/1/diff", **{"with": "0"}).status_code == 422


def test_who_may_see_no_payload_sees_only_that_it_changed(owner, teammate, revised):
    told = teammate.api.get(f"{NIGHTLY}/revisions/2/diff").json()["differences"]
    assert told == [
        {"path": "payload", "change": "changed", "before": None, "after": None},
        {"path": "retry.max_attempts", "change": "added", "before": None, "after": 9},
    ]


def test_rolling_back_makes_a_new_revision_that_is_as_the_old_one_was(owner, revised):
    answer = owner.api.ask("post", f"{NIGHTLY}/rollback", {"revision": 1}, X_Audit_Reason="it was better")
    job = answer.json()
    assert (answer.status_code, job["revision"], job["payload"], job["timeout_seconds"]) == (
        200,
        4,
        HTTP["payload"],
        300,
    )
    assert (job["description"], job["priority"], job["retry"]["max_attempts"]) == ("d", 3, 3)
    assert owner.api.get(f"{NIGHTLY}/revisions/4/diff", **{"with": 1}).json()["differences"] == []
    action, changes, reason = rows.fetch(
        "SELECT action, changes, reason FROM audit_event WHERE object_id = %s ORDER BY id DESC LIMIT 1", job["id"]
    )[0]
    assert (action, reason) == ("job.rolled_back", "it was better")
    assert (changes["as_of_revision"], changes["revision"]) == ([3, 1], [3, 4])
    assert changes["payload"] == ["headers", "method"]


def test_rolling_back_to_what_it_is_changes_nothing(owner, revised):
    before = owner.api.get(NIGHTLY).json(), rows.fetch("SELECT count(*) FROM audit_event")
    assert owner.api.post(f"{NIGHTLY}/rollback", {"revision": 3}).json() == before[0]
    assert rows.fetch("SELECT count(*) FROM audit_event") == before[1]
    for body, status in (({"revision": 4}, 404), ({"revision": 0}, 422), ({}, 422), ({"revision": 1, "x": 1}, 400)):
        assert owner.api.post(f"{NIGHTLY}/rollback", body).status_code == status
    assert (owner.api.get(NIGHTLY).json(), rows.fetch("SELECT count(*) FROM audit_event")) == before


def test_a_revision_whose_secret_or_type_is_gone_is_refused_and_says_so(owner, make_job, monkeypatch):
    owner.api.post("/api/v1/secrets", {"name": "token", "value": "a value of ours"})
    token = {"url": "https://example.com", "headers": {"A": "{{ secrets.token }}"}}
    assert owner.api.post("/api/v1/jobs", {**HTTP, "payload": token}).status_code == 201
    job = owner.api.patch(NIGHTLY, {"payload": {"headers": {"A": "1"}}}).json()
    assert owner.api.delete("/api/v1/secrets/token").status_code == 204
    error = owner.api.post(f"{NIGHTLY}/rollback", {"revision": 1}).json()["error"]
    assert error["code"] == "REVISION_INVALID"
    assert "revision 1 is not valid any more: payload.headers.A: there is no secret named token" in error["message"]
    assert list(error["details"]) == ["payload.headers.A"]
    rows.change(
        "UPDATE job_revision SET spec = jsonb_set(spec, '{type}', '\"telepathy\"') WHERE number = 1 AND job_id = %s",
        job["id"],
    )
    answer = owner.api.post(f"{NIGHTLY}/rollback", {"revision": 1})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["type"])
    assert "telepathy" not in handlers.registered()
    assert owner.api.get(NIGHTLY).json() == job


def test_a_copy_is_like_its_origin_with_its_schedules_held(owner):
    ended = {"kind": "once", "run_at": "2100-01-01T00:00:00Z"}
    made = owner.api.post(
        "/api/v1/jobs", {**HTTP, "tags": ["a"], "retry": {"jitter": False}, "schedules": [CRON, CRON, ended]}
    ).json()
    owner.api.post(f"/api/v1/schedules/{made['schedules'][1]['id']}/pause")
    rows.change("UPDATE schedule SET state = 'ended', due_at = NULL WHERE id = %s", made["schedules"][2]["id"])

    def copy(name, **wish):
        answer = owner.api.post(f"{NIGHTLY}/duplicate", {"name": name, **wish})
        assert answer.status_code == 201, answer.content
        job = answer.json()
        assert not {made["id"], *(each["id"] for each in made["schedules"])} & {
            job["id"],
            *(each["id"] for each in job["schedules"]),
        }
        return job, [each["state"] for each in job["schedules"]]

    job, states = copy("b")
    assert states == ["paused", "paused"]
    same = ("type", "payload", "tags", "retry", "priority", "owner", "state", "timeout_seconds", "overlap")
    assert {name: job[name] for name in same} == {name: made[name] for name in same}
    assert (job["name"], job["revision"]) == ("b", 1)
    assert rows.fetch(
        "SELECT changes->'copy_of' FROM audit_event WHERE action = 'job.created' AND object_id = %s", job["id"]
    ) == [([None, made["id"]],)]
    assert copy("c", schedules="same")[1] == ["active", "paused"]
    assert copy("d", schedules="none")[1] == []
    owner.api.post(f"{NIGHTLY}/pause")
    assert copy("e", schedules="same")[1] == ["paused", "paused"]
    for body, status in (
        ({"name": "b"}, 409),
        ({}, 422),
        ({"name": "f", "schedules": "all"}, 422),
        ({"name": "a/b"}, 422),
    ):
        assert owner.api.post(f"{NIGHTLY}/duplicate", body).status_code == status


def test_a_copy_of_what_code_declares_is_not_codes(owner, make_job):
    make_job(tags=["from-code", "a"])
    assert owner.api.post(f"{NIGHTLY}/duplicate", {"name": "b"}).json()["tags"] == ["a"]


def test_nothing_of_a_revision_goes_beyond_its_job(owner, outsider, revised):
    theirs = Api(outsider.key)
    assert theirs.get(f"/api/v1/jobs/{revised['id']}/revisions/1").status_code == 404
    other = owner.api.post("/api/v1/jobs", {"name": "b", "type": "dummy"}).json()
    assert owner.api.get(f"/api/v1/jobs/{other['id']}/revisions/2").status_code == 404
    assert owner.api.post("/api/v1/jobs/b/rollback", {"revision": 2}).status_code == 404
