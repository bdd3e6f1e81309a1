"""Bad input gets a 4xx that names the field, and nothing of it is stored."""

from __future__ import annotations

import pytest

from tests.support import rows

GOOD = {"name": "nightly", "type": "http", "payload": {"url": "https://example.com"}}
CRON = {"kind": "cron", "expression": "0 0 * * *"}

REFUSED = {
    "no name": ({"name": None}, 422, "name"),
    "unknown type": ({"type": "telepathy"}, 422, "type"),
    "payload without url": ({"payload": {}}, 422, "payload.url"),
    "payload of another shape": ({"payload": []}, 422, "payload"),
    "header that is no text": ({"payload": {"url": "https://example.com", "headers": {"A": 1}}}, 422, "payload.headers.A"),
    "unknown payload field": ({"payload": {"url": "https://example.com", "ulr": 1}}, 400, "payload.ulr"),
    "unknown field": ({"priorty": 1}, 400, "priorty"),
    "unknown field of a schedule": ({"schedules": [CRON, {**CRON, "tz": "UTC"}]}, 400, "schedules[1].tz"),
    "unknown retry field": ({"retry": {"max": 1}}, 400, "retry.max"),
    "retry out of range": ({"retry": {"max_attempts": 0}}, 422, "retry.max_attempts"),
    "priority out of range": ({"priority": 10}, 422, "priority"),
    "timeout that is no number": ({"timeout_seconds": "NaN"}, 422, "timeout_seconds"),
    "unknown overlap": ({"overlap": "maybe"}, 422, "overlap"),
    "unknown queue": ({"queue": "nowhere"}, 422, "queue"),
    "empty tag": ({"tags": ["a", ""]}, 422, "tags[1]"),
    "bad cron": ({"schedules": [CRON, {"kind": "cron", "expression": "61 * * * *"}]}, 422, "schedules[1].expression"),
    "cron that never fires": ({"schedules": [{"kind": "cron", "expression": "0 0 31 2 *"}]}, 422, "schedules[0].expression"),
    "unknown zone": ({"schedules": [{**CRON, "timezone": "Mars/Olympus"}]}, 422, "schedules[0].timezone"),
    "unknown kind": ({"schedules": [{"kind": "moon"}]}, 422, "schedules[0].kind"),
    "no kind": ({"schedules": [{"expression": "0 0 * * *"}]}, 422, "schedules[0].kind"),
    "interval without length": ({"schedules": [{"kind": "interval"}]}, 422, "schedules[0].interval_seconds"),
    "once in the past": ({"schedules": [{"kind": "once", "run_at": "2001-01-01T00:00:00Z"}]}, 422, "schedules[0].run_at"),
    "time without offset": ({"schedules": [{"kind": "once", "run_at": "2031-01-01T00:00:00"}]}, 422, "schedules[0].run_at"),
    "time beyond all zones": ({"schedules": [{"kind": "once", "run_at": "9999-12-31T23:59:59-12:00"}]}, 422, "schedules[0].run_at"),
    "catch-up beyond retention": ({"schedules": [{**CRON, "catch_up_window_seconds": 1e9}]}, 422, "schedules[0].catch_up_window_seconds"),
    "schedule payload the type refuses": ({"schedules": [{**CRON, "payload": {"url": 7}}]}, 422, "schedules[0].payload.url"),
    "schedule that is no object": ({"schedules": ["0 0 * * *"]}, 422, "schedules[0]"),
    "NUL in a text": ({"description": "a\0b"}, 422, "description"),
    "NUL deep in the payload": ({"payload": {"url": "https://example.com", "body": [{"a": "\0"}]}}, 422, "payload.body[0].a"),
    "payload too large": ({"payload": {"url": "https://example.com", "body": "x" * 140_000}}, 422, "payload"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_job_is_refused_by_the_name_of_the_field_and_nothing_is_stored(owner, case):
    change, status, field = REFUSED[case]
    answer = owner.api.post("/api/v1/jobs", {**GOOD, **change})
    assert answer.status_code == status, answer.json()
    assert field in answer.json()["error"]["details"]
    for table in ("job", "job_revision", "schedule", "job_tag", "audit_event"):
        assert rows.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", owner.tenant.id) == [(0,)]


@pytest.mark.parametrize("field", ["expression", "timezone", "kind", "dst_gap"])
def test_schedule_that_cannot_fire_has_a_code_of_its_own(owner, field):
    answer = owner.api.post("/api/v1/jobs", {**GOOD, "schedules": [{**CRON, field: "?"}]})
    assert answer.json()["error"]["code"] == "INVALID_SCHEDULE"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("[]", "a list"),
        ('[{"name": "a"}]', "a list"),
        ('"text"', "text"),
        ("7", "a number"),
        ("true", "true or false"),
        ("null", "null"),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs/{job}/trigger", "/api/v1/jobs/{job}/pause"])
def test_body_that_is_no_object_is_refused_and_told_what_it_is(owner, path, body, kind):
    job = rows.job(owner.tenant.id)[0]
    answer = owner.api._client.post(path.format(job=job), body, content_type="application/json")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], list(error["details"])) == (422, "VALIDATION_FAILED", ["body"])
    assert error["message"] == f'body: must be a JSON object, {{"field": value, …}}, and is {kind}'


@pytest.mark.parametrize("field", ["payload", "retry"])
def test_field_that_is_no_object_is_refused_and_told_what_it_is(owner, field):
    error = owner.api.post("/api/v1/jobs", {**GOOD, field: [1]}).json()["error"]
    assert error["message"] == f'{field}: must be a JSON object, {{"field": value, …}}, and is a list'


def test_unknown_queue_is_named_and_told_where_the_others_are(owner):
    stored = owner.api.post("/api/v1/jobs", GOOD).json()["id"]
    for answer in (
        owner.api.post("/api/v1/jobs", {**GOOD, "name": "b", "queue": "nowhere"}),
        owner.api.patch(f"/api/v1/jobs/{stored}", {"queue": "nowhere"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["error"]["details"] == {"queue": ["there is no queue named 'nowhere': see /queues"]}


@pytest.mark.parametrize(
    "identifier", ["%00", "a%00b", "..", "x" * 3000, "%F0%9F%92%A9", "0190A0A0-0000-7000-8000-00000000000g"]
)
@pytest.mark.parametrize(
    "resource", ["jobs", "schedules", "executions", "dead-letters", "queues", "workers", "job-types", "api-keys"]
)
def test_path_that_names_nothing_is_not_found(owner, resource, identifier):
    answer = owner.api.get(f"/api/v1/{resource}/{identifier}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_a_refusal_names_the_choices_and_the_field_that_was_meant(owner):
    edge = {"job": "a", "trigger_rule": "all_succes", "mode": "begin"}
    details = owner.api.put("/api/v1/jobs/words", {"type": "dummy", "depends_on": [edge]}).json()["error"]["details"]
    assert details["depends_on[0].mode"] == ['"begin" is not a valid choice: there are start, gate']
    (rule,) = details["depends_on[0].trigger_rule"]
    assert rule.startswith('"all_succes" is not a valid choice: there are all_success, all_failed, ')
    error = owner.api.put("/api/v1/jobs/words", {"type": "dummy", "priorty": 1}).json()["error"]
    assert error["details"] == {"priorty": ["unknown field; did you mean priority?"]}
    assert error["message"] == "unknown field priorty (did you mean priority?): remove it, or check its spelling"


def test_a_share_that_is_none_is_told_in_words(owner):
    owner.api.put("/api/v1/jobs/each", {"type": "dummy"})
    payload = {"job": "each", "over": [1], "allow_failures": "x"}
    details = owner.api.put("/api/v1/jobs/words", {"type": "map", "payload": payload}).json()["error"]["details"]
    assert details == {"payload.allow_failures": ["must be a whole number, or a share from 0% to 100%, such as 5%"]}
