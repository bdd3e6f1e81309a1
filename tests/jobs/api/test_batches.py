"""Many in one request: all or nothing, in order, each judged and told of as if it were alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.services import executions
from tests.support import actors, rows

EXECUTIONS, JOBS, SCHEDULES = (f"/api/v1/{noun}/batch" for noun in ("executions", "jobs", "schedules"))


def told(answer):
    return answer.status_code, answer.json()["error"]["code"]


def details(answer):
    return answer.json()["error"]["details"]


def count(table, owner):
    return rows.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", owner.tenant.id)[0][0]


def dummies(*names, **fields):
    return {"jobs": [{"name": name, "type": "dummy", **fields} for name in names]}


def test_executions_are_made_in_order_each_as_alone(owner, make_job):
    nightly, other = make_job(payload={"duration_seconds": 1}), make_job(name="other", priority=8)
    later = (rows.now() + timedelta(days=1)).isoformat()
    wanted = [
        {"job": "nightly", "payload": {"fail_rate": 0.5}},
        {"job": other["id"], "run_at": later},
        {"job": nightly["id"]},
    ]
    answer = owner.api.post(EXECUTIONS, {"executions": wanted})
    assert answer.status_code == 202
    made = answer.json()["data"]
    assert [each["job"]["name"] for each in made] == ["nightly", "other", "nightly"]
    assert [each["payload"] for each in made] == [
        {"duration_seconds": 1, "fail_rate": 0.5},
        {},
        {"duration_seconds": 1},
    ]
    assert made[1]["scheduled_for"][:10] == later[:10]
    assert [each["priority"] for each in made] == [5, 8, 5]
    listed = owner.api.get("/api/v1/executions").json()["data"]
    assert listed == [{name: each[name] for name in each if name != "deduplicated"} for each in reversed(made)]
    assert [each["deduplicated"] for each in made] == [False, False, False]
    assert made[0].keys() == owner.api.post("/api/v1/executions", {"job": "nightly"}).json().keys()


def test_each_execution_has_its_own_row_in_the_trail(owner, make_job):
    make_job()
    wanted = [{"job": "nightly"}, {"job": "nightly", "payload": {"fail_rate": 1}}]
    made = owner.api.post(EXECUTIONS, {"executions": wanted}).json()["data"]
    trail = rows.fetch(
        "SELECT object_id, changes, signature IS NOT NULL FROM audit_event WHERE action = 'execution.triggered' AND tenant_id = %s ORDER BY id",
        owner.tenant.id,
    )
    assert trail == [
        (made[0]["id"], {"job": [None, "nightly"]}, True),
        (made[1]["id"], {"job": [None, "nightly"], "payload": ["fail_rate"]}, True),
    ]


def test_whatever_is_wrong_is_named_by_its_place_and_nothing_is_made(owner, make_job):
    make_job()
    make_job(name="off")
    owner.api.post("/api/v1/jobs/off/disable")
    far = (rows.now() + timedelta(days=91)).isoformat()
    wanted = [
        {"job": "nightly"},
        {"job": "nowhere"},
        {"job": "off"},
        {"job": "nightly", "payload": {"duration_seconds": -1}},
        {"job": "nightly", "run_at": far},
    ]
    answer = owner.api.post(EXECUTIONS, {"executions": wanted})
    assert told(answer) == (422, "VALIDATION_FAILED")
    assert list(details(answer)) == [
        "executions[1].job", "executions[2]", "executions[3].payload.duration_seconds", "executions[4].run_at",
    ]  # fmt: skip
    assert count("execution", owner) == 0


@pytest.mark.parametrize(
    ("wanted", "expected", "fields"),
    [
        ([{"job": "nowhere"}, {"job": "nightly"}, {"job": "not\0there"}], (422, "VALIDATION_FAILED"), ["executions[2].job"]),
        ([{"job": "nowhere"}, {"job": "nightly"}, {"job": "nor here"}], (404, "NOT_FOUND"), ["executions[0].job", "executions[2].job"]),
        ([{"job": "off"}, {"job": "nightly"}], (409, "INVALID_STATE"), ["executions[0]"]),
        ([{"job": "nightly"}, {"jbo": "nightly"}], (400, "UNKNOWN_FIELD"), ["executions[1].jbo"]),
        ([{"job": "nightly"}, {}], (422, "VALIDATION_FAILED"), ["executions[1].job"]),
        ([{"job": "nightly", "payload": {"speed": 1}}], (400, "UNKNOWN_FIELD"), ["executions[0].payload.speed"]),
        ([], (422, "VALIDATION_FAILED"), ["executions"]),
        ([{"job": "nightly"}] * 501, (422, "VALIDATION_FAILED"), ["executions"]),
        (["nightly"], (422, "VALIDATION_FAILED"), ["executions[0]"]),
        (None, (422, "VALIDATION_FAILED"), ["executions"]),
    ],
)  # fmt: skip
def test_refusal_of_one_kind_keeps_its_code(owner, make_job, wanted, expected, fields):
    make_job()
    make_job(name="off")
    owner.api.post("/api/v1/jobs/off/disable")
    answer = owner.api.post(EXECUTIONS, {"executions": wanted})
    assert (told(answer), list(details(answer))) == (expected, fields)
    assert count("execution", owner) == 0


def test_quota_is_drawn_for_all_of_them_or_none(owner, make_job):
    make_job()
    rows.change("UPDATE tenant SET max_unfinished = 3 WHERE id = %s", owner.tenant.id)
    answer = owner.api.post(EXECUTIONS, {"executions": [{"job": "nightly"}] * 4})
    assert told(answer) == (409, "QUOTA_EXCEEDED")
    assert details(answer) == {"quota": "unfinished", "limit": 3, "used": 0}
    assert "4 more are asked for" in answer.json()["error"]["message"]
    assert count("execution", owner) == 0
    assert owner.api.post(EXECUTIONS, {"executions": [{"job": "nightly"}] * 3}).status_code == 202
    assert told(owner.api.post("/api/v1/executions", {"job": "nightly"})) == (409, "QUOTA_EXCEEDED")


def test_rights_are_judged_for_each(owner):
    made = owner.api.post("/api/v1/jobs", {"name": "call", "type": "http", "payload": {"url": "https://example.com"}})
    assert made.status_code == 201
    runner = actors.with_scopes(owner, ["executions:run"])
    wanted = [{"job": "call", "payload": {"body": "x"}}, {"job": "call", "payload": {"url": "https://example.org"}}]
    answer = runner.api.post(EXECUTIONS, {"executions": wanted})
    assert (told(answer), list(details(answer))) == ((403, "MISSING_SCOPE"), ["executions[1]"])


def test_another_tenants_jobs_are_not_there_for_a_batch(owner, outsider, make_job):
    job = make_job()
    for name in (job["id"], "nightly"):
        answer = outsider.api.post(EXECUTIONS, {"executions": [{"job": name}]})
        assert told(answer) == (404, "NOT_FOUND")
        nowhere = outsider.api.post(EXECUTIONS, {"executions": [{"job": "nowhere"}]})
        assert details(answer) == details(nowhere)


def test_statements_do_not_grow_with_the_batch(owner, make_job):
    make_job()
    make_job(name="other")

    def statements(many):
        with CaptureQueriesContext(connection) as said:
            wanted = [{"job": name} for name in ("nightly", "other") * many]
            assert owner.api.post(EXECUTIONS, {"executions": wanted}).status_code == 202
        return len(said)

    assert statements(50) == statements(1)


def test_jobs_are_made_in_order_with_their_schedules(owner):
    cron = {"kind": "cron", "expression": "0 0 * * *"}
    answer = owner.api.post(
        JOBS, {"jobs": [{"name": "a", "type": "dummy", "schedules": [cron]}, *dummies("b")["jobs"]]}
    )
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert [(job["name"], len(job["schedules"])) for job in made] == [("a", 1), ("b", 0)]
    assert made == [owner.api.get(f"/api/v1/jobs/{name}").json() for name in "ab"]
    assert rows.fetch(
        "SELECT object_id FROM audit_event WHERE action = 'job.created' AND tenant_id = %s ORDER BY id", owner.tenant.id
    ) == [(job["id"],) for job in made]


def test_one_bad_job_undoes_the_others_and_all_bad_ones_are_named(owner):
    owner.api.post("/api/v1/jobs", {"name": "taken", "type": "dummy"})
    bad = {"name": "c", "type": "dummy", "schedules": [{"kind": "cron", "expression": "61 * * * *"}]}
    answer = owner.api.post(JOBS, {"jobs": [*dummies("a", "taken", "a")["jobs"], bad]})
    assert told(answer) == (422, "VALIDATION_FAILED")
    assert list(details(answer)) == ["jobs[1].name", "jobs[2].name", "jobs[3].schedules[0].expression"]
    assert count("job", owner) == 1
    assert told(owner.api.post(JOBS, dummies("a", "taken"))) == (409, "CONFLICT")
    assert told(owner.api.post(JOBS, dummies(*map(str, range(101))))) == (422, "VALIDATION_FAILED")


def test_jobs_beyond_the_quota_are_named_and_none_is_made(owner):
    rows.change("UPDATE tenant SET max_jobs = 2 WHERE id = %s", owner.tenant.id)
    answer = owner.api.post(JOBS, dummies("a", "b", "c"))
    assert (told(answer), list(details(answer))) == ((409, "QUOTA_EXCEEDED"), ["jobs[2]"])
    assert count("job", owner) == 0


def test_no_job_is_named_like_a_path_of_the_api(owner):
    answer = owner.api.post("/api/v1/jobs", {"name": "batch", "type": "dummy"})
    assert (told(answer), list(details(answer))) == ((422, "VALIDATION_FAILED"), ["name"])


def test_few_names_do_not_stand_for_an_answer_without_bound(owner, make_job, monkeypatch):
    monkeypatch.setattr(executions, "MOST_TOLD", 10_000)
    make_job(payload={"result": "x" * 4000})
    answer = owner.api.post(EXECUTIONS, {"executions": [{"job": "nightly"}] * 3})
    assert (told(answer), list(details(answer))) == ((422, "VALIDATION_FAILED"), ["executions"])
    assert count("execution", owner) == 0
    assert owner.api.post(EXECUTIONS, {"executions": [{"job": "nightly"}] * 2}).status_code == 202


def test_runs_far_ahead_are_refused_by_their_place_and_made_as_schedules_of_kind_once(owner, make_job):
    make_job()
    soon, late = ((rows.now() + timedelta(days=days)).isoformat() for days in (80, 91))
    answer = owner.api.post(EXECUTIONS, {"executions": [{"job": "nightly", "run_at": at} for at in (soon, late)]})
    assert (told(answer), list(details(answer))) == ((422, "VALIDATION_FAILED"), ["executions[1].run_at"])
    assert details(answer)["executions[1].run_at"] == ["must be at most 90 days ahead: use a schedule of kind once"]
    wanted = [
        {"job": "nightly", "kind": "once", "run_at": at, "payload": {"fail_rate": n}}
        for n, at in enumerate((soon, late))
    ]
    answer = owner.api.post(SCHEDULES, {"schedules": wanted})
    assert answer.status_code == 201, answer.content
    made = answer.json()["data"]
    assert [(each["run_at"][:10], each["payload"]["fail_rate"]) for each in made] == [(soon[:10], 0), (late[:10], 1)]
    assert [each["next_run_at"][:10] for each in made] == [soon[:10], late[:10]]
    assert count("schedule", owner) == 2
    assert {row["id"] for row in owner.api.get("/api/v1/schedules").json()["data"]} == {each["id"] for each in made}


def test_of_schedules_whatever_is_refused_is_named_by_its_place_and_nothing_is_made(owner, outsider, make_job):
    make_job()
    foreign = rows.job(outsider.tenant.id)[0]
    good = {"job": "nightly", "kind": "cron", "expression": "0 0 * * *"}
    wanted = [good, {**good, "expression": "61 * * * *"}, {**good, "job": str(foreign)}, {**good, "job": "nobody"}]
    answer = owner.api.post(SCHEDULES, {"schedules": wanted})
    names = ["schedules[1].expression", "schedules[2].job", "schedules[3].job"]
    assert (answer.status_code, list(details(answer))) == (422, names)
    assert count("schedule", owner) == 0
    narrow = actors.with_scopes(owner, ["executions:run", "jobs:read"])
    assert narrow.api.post(SCHEDULES, {"schedules": [good]}).status_code == 403
    rows.change("UPDATE tenant SET max_schedules = 1 WHERE id = %s", owner.tenant.id)
    answer = owner.api.post(SCHEDULES, {"schedules": [good, good]})
    assert (answer.status_code, count("schedule", owner)) == (409, 0)
