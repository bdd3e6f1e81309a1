"""Many editors at once, on connections of their own: one of those who read the same version wins, and nobody is lost."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support import role_settings, rows
from tests.support.threads import together

CRON = {"kind": "cron", "expression": "0 0 * * *"}
NIGHTLY = "/api/v1/jobs/nightly"
EDITORS = 20


@pytest.fixture(autouse=True)
def _patience():
    """On a busy machine so many who wait for one row would not all wait long enough; deadlocks are told all the same."""
    with role_settings.of(["app"], lock_timeout=60_000, statement_timeout=60_000):
        yield


def codes(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_many_declare_one_name_and_one_creates_it(owner):
    body = {"type": "dummy", "tags": ["a"], "schedules": [CRON]}
    answers = together([partial(owner.api.put, NIGHTLY, body)] * EDITORS)
    outcomes = Counter(answer.json().get("outcome") for answer in answers)
    assert outcomes == {"created": 1, "unchanged": EDITORS - 1}, [answer.content for answer in answers]
    of_tenant = " WHERE tenant_id = %s"
    counts = [
        rows.fetch(f"SELECT count(*) FROM {table}{of_tenant}", owner.tenant.id)[0][0]
        for table in ("job", "schedule", "job_revision")
    ]
    assert counts == [1, 1, 1]
    trail = rows.fetch(f"SELECT action FROM audit_event{of_tenant} ORDER BY id", owner.tenant.id)
    assert sorted(trail) == [("job.created",), ("schedule.created",)]


def test_many_declare_one_name_in_the_last_place_that_a_quota_leaves(owner):
    rows.change("UPDATE tenant SET max_jobs = 1, max_schedules = 1 WHERE id = %s", owner.tenant.id)
    body = {"type": "dummy", "schedules": [CRON]}
    answers = together([partial(owner.api.put, NIGHTLY, body)] * 8)
    assert Counter(answer.json().get("outcome") for answer in answers) == {"created": 1, "unchanged": 7}


def test_of_many_who_only_create_one_does(owner):
    answers = together([partial(owner.api.ask, "put", NIGHTLY, {"type": "dummy"}, If_None_Match="*")] * EDITORS)
    assert codes(answers) == {201: 1, 412: EDITORS - 1}


def test_many_declare_different_things_and_what_is_left_is_one_of_them_whole(owner):
    bodies = [
        {"type": "dummy", "priority": n % 10, "timeout_seconds": n + 1, "schedules": [{**CRON, "expression": f"{n} 0 * * *"}]} for n in range(EDITORS)
    ]  # fmt: skip
    answers = together([partial(owner.api.put, NIGHTLY, body) for body in bodies])
    assert set(codes(answers)) <= {200, 201}
    job = owner.api.get(NIGHTLY).json()
    n = int(job["timeout_seconds"]) - 1
    assert (job["priority"], [each["expression"] for each in job["schedules"]]) == (n % 10, [f"{n} 0 * * *"])
    numbers = rows.fetch("SELECT number FROM job_revision WHERE job_id = %s ORDER BY number", job["id"])
    assert [number for (number,) in numbers] == list(range(1, job["revision"] + 1))


EDITS = {
    "patches": [("patch", NIGHTLY, {"timeout_seconds": n + 1}) for n in range(EDITORS)],
    "declarations": [("put", NIGHTLY, {"type": "dummy", "timeout_seconds": n + 1}) for n in range(EDITORS)],
    "one of each": [
        ("patch", NIGHTLY, {"priority": 1}), ("put", NIGHTLY, {"type": "dummy", "priority": 2}), ("post", f"{NIGHTLY}/pause", {}),
        ("post", f"{NIGHTLY}/disable", {}), ("delete", NIGHTLY, None),
        ("post", f"{NIGHTLY}/throttle", {"max_running": 1, "until": (rows.now() + rows.timedelta(hours=1)).isoformat()}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("edits", EDITS)
def test_of_those_who_read_the_same_version_one_changes_it_and_the_others_are_told(owner, edits):
    assert owner.api.put(NIGHTLY, {"type": "dummy", "schedules": [CRON]}).status_code == 201
    read = owner.api.get(NIGHTLY)
    sent = [partial(owner.api.ask, method, path, body, If_Match=read["ETag"]) for method, path, body in EDITS[edits]]
    answers = together(sent)
    (won,) = [answer for answer in answers if answer.status_code < 300]
    lost = [answer for answer in answers if answer is not won]
    if won.status_code == 204:
        assert set(codes(lost)) <= {404, 412}  # there is nothing any more to hold a tag against
        return
    assert codes(lost) == {412: len(sent) - 1}
    now = owner.api.get(NIGHTLY)
    assert now["ETag"] == won["ETag"] != read["ETag"]
    for answer in lost:
        details = answer.json()["error"]["details"]
        assert (details["etag"], details["revision"]) == (now["ETag"], now.json()["revision"])


def test_a_schedules_editor_and_its_jobs_editor_never_both_win(owner):
    job = owner.api.put(NIGHTLY, {"type": "dummy", "schedules": [CRON]}).json()
    schedule = f"/api/v1/schedules/{job['schedules'][0]['id']}"
    for round_ in range(6):
        read, of_schedule = owner.api.get(NIGHTLY)["ETag"], owner.api.get(schedule)["ETag"]
        declared = {"type": "dummy", "schedules": [{**CRON, "expression": f"{round_} 1 * * *"}]}
        answers = together([
            partial(owner.api.ask, "put", NIGHTLY, declared, If_Match=read),
            partial(owner.api.ask, "patch", schedule, {"expression": f"{round_} 2 * * *"}, If_Match=of_schedule),
        ])  # fmt: skip
        assert codes(answers) == {200: 1, 412: 1}, [answer.content for answer in answers]


def test_editors_of_schedules_and_of_their_job_do_not_lock_each_other_up(owner):
    job = owner.api.put(NIGHTLY, {"type": "dummy", "schedules": [CRON, CRON]}).json()
    paths = [f"/api/v1/schedules/{each['id']}" for each in job["schedules"]]
    calls = []
    for n in range(6):
        rule = {**CRON, "expression": f"{n} 3 * * *", "payload": {"fail_rate": 0}}
        calls += [partial(owner.api.patch, path, rule) for path in paths]
        calls += [partial(owner.api.put, NIGHTLY, {"type": "dummy", "schedules": [rule, CRON]})]
        calls += [partial(owner.api.post, "/api/v1/schedules", {"job": "nightly", **CRON})]
    assert set(codes(together(calls))) <= {200, 201, 404}
