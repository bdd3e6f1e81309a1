"""The list of jobs, the page of one, its form and its buttons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support import console as support
from tests.support import many, rows, tags
from tests.support.console import Console


def _form(**fields: Any) -> dict[str, Any]:
    defaults = {
        "name": "nightly", "type": "dummy", "payload": "{}", "description": "", "queue": "default", "priority": 5, "timeout_seconds": 60,
        "max_running": "", "overlap": "skip", "retry": "{}", "category": "", "tags": "a\nb", "owner": "",
    }  # fmt: skip
    return defaults | fields


def _state(job: Any) -> str:
    state: str = rows.fetch("SELECT state FROM job WHERE id = %s", job)[0][0]
    return state


def test_a_list_shows_next_run_and_last_result(console: Console) -> None:
    job = rows.job(name="with a future")
    rows.schedule(job, next_run_at=rows.now())
    last = rows.execution(job, "failed")
    page = console.page("jobs_job_changelist", tenant__id__exact=str(job[1]))
    assert support.url("jobs_execution_change", last) in page
    assert page.count(" UTC</time>") == 1


def test_a_page_says_which_tag_holds_the_job_and_asks_for_that_once(console: Console) -> None:
    job = rows.job()
    tags.paused(job, "vendor")
    with CaptureQueriesContext(connection) as asked:
        text = support.text_of(console.page("jobs_job_change", job[0]))
    assert "Held by the tag" in text
    assert text.count("The vendor is down") > 1
    assert len([query for query in asked.captured_queries if 'FROM "tag"' in query["sql"]]) == 1


def test_deleted_jobs_are_listed_only_when_asked_for(console: Console) -> None:
    job = rows.job(name="a former job", state="deleted")
    assert "a former job" not in console.page("jobs_job_changelist", tenant__id__exact=str(job[1]))
    assert "a former job" in console.page("jobs_job_changelist", tenant__id__exact=str(job[1]), state__exact="deleted")
    page = console.page("jobs_job_change", job[0])
    assert support.url("jobs_job_run_now", job[0]) not in page
    assert support.url("jobs_job_definition", job[0]) not in page


def test_a_page_shows_schedules_executions_and_revisions(console: Console) -> None:
    job = rows.job(payload={"duration_seconds": 7})
    schedule = rows.schedule(job, expression="*/5 * * * *", timezone="Europe/Berlin")
    execution = rows.execution(job, "succeeded")
    page = console.page("jobs_job_change", job[0])
    for address in (support.url("jobs_schedule_change", schedule), support.url("jobs_execution_change", execution)):
        assert address in page
    assert "Europe/Berlin" in page
    assert "in force" in page


def test_run_now_makes_an_execution_and_leads_to_it(console: Console) -> None:
    job, _ = rows.job()
    leads_to = console.pressed("jobs_job_run_now", job, payload='{"duration_seconds": 1}')
    (made,) = rows.fetch("SELECT id, trigger, payload, triggered_by FROM execution WHERE job_id = %s", job)
    assert leads_to == support.url("jobs_execution_change", made[0])
    assert made[1:] == ("manual", {"duration_seconds": 1}, f"user:{console.user.email}")


def test_run_now_under_a_key_that_is_taken_leads_to_the_execution_that_has_it(console: Console) -> None:
    job, _ = rows.job()
    there = console.pressed("jobs_job_run_now", job, payload="{}", dedup_key="k")
    assert console.pressed("jobs_job_run_now", job, payload="{}", dedup_key="k") == there
    assert "Nothing was made" in console.client.get(there).content.decode()
    rows.change("UPDATE job SET dedup_conflict = 'reject' WHERE id = %s", job)
    refused = support.problems(console.press("jobs_job_run_now", job, payload="{}", dedup_key="k"))
    assert "has this deduplication key" in refused[0]
    assert "only by a request's own key" in console.page("jobs_job_change", job).replace("&#x27;", "'")


def test_a_job_with_a_key_of_its_own_shows_it_and_asks_for_none(console: Console) -> None:
    job, _ = rows.job(dedup_key="once", dedup_seconds=600)
    page = console.page("jobs_job_change", job)
    assert ">once<" in page
    assert "taken for 10 min, others get that one" in page
    assert 'name="dedup_key"' not in console.page("jobs_job_run_now", job)
    assert console.pressed("jobs_job_run_now", job, payload="{}") == console.pressed(
        "jobs_job_run_now", job, payload="{}"
    )


@pytest.mark.parametrize(
    ("written", "problem"), [("{", "Enter a valid JSON."), ("[1]", "must be a JSON object"), ('{"x": 1}', "payload.x")]
)
def test_run_now_refuses_a_payload_that_cannot_be(console: Console, written: str, problem: str) -> None:
    job, _ = rows.job()
    assert problem in support.problems(console.press("jobs_job_run_now", job, payload=written))[0]
    assert rows.fetch("SELECT 1 FROM execution WHERE job_id = %s", job) == []


def test_run_now_of_a_disabled_job_says_why_not(console: Console) -> None:
    job, _ = rows.job(state="disabled")
    assert "disabled" in support.problems(console.press("jobs_job_run_now", job, payload="{}"))[0]


def test_a_job_is_paused_resumed_disabled_activated_and_deleted(console: Console) -> None:
    job, _ = rows.job()
    steps = {"pause": "paused", "resume": "active", "disable": "disabled", "activate": "active", "delete": "deleted"}
    for button, state in steps.items():
        console.pressed(f"jobs_job_{button}", job)
        assert _state(job) == state
    told = rows.fetch("SELECT action, actor FROM audit_event WHERE object_id = %s ORDER BY id", str(job))
    assert [action for action, _ in told] == [
        "job.paused",
        "job.resumed",
        "job.disabled",
        "job.activated",
        "job.deleted",
    ]
    assert {actor for _, actor in told} == {f"user:{console.user.email}"}


def test_a_new_job_is_made_with_its_first_schedule(console: Console) -> None:
    tenant = rows.tenant()
    form = _form(
        tenant=str(tenant), payload='{"duration_seconds": 1}', expression="0 3 * * *", timezone="Europe/Berlin"
    )
    answer = console.client.post(support.url("jobs_job_add"), form)
    assert answer.status_code == 302, support.problems(answer)
    (job,) = rows.fetch("SELECT id, tenant_id, payload, overlap, revision FROM job WHERE tenant_id = %s", tenant)
    assert answer["Location"] == support.url("jobs_job_change", job[0])
    assert job[1:] == (tenant, {"duration_seconds": 1}, "skip", 1)
    assert rows.fetch("SELECT expression, timezone FROM schedule WHERE job_id = %s", job[0]) == [
        ("0 3 * * *", "Europe/Berlin")
    ]
    assert sorted(rows.fetch("SELECT tag FROM job_tag WHERE job_id = %s", job[0])) == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("field", "written", "kind", "shown"),
    [
        ("rrule", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", "rrule", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0"),
        (
            "rule",
            '{"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}',
            "calendar",
            "at 17:00 on the last business day of every month",
        ),
    ],
)
def test_a_new_job_may_have_a_rule_of_another_kind(
    console: Console, field: str, written: str, kind: str, shown: str
) -> None:
    tenant = rows.tenant()
    form = _form(tenant=str(tenant), timezone="Europe/Berlin", **{field: written})
    both = console.client.post(support.url("jobs_job_add"), {**form, "expression": "0 3 * * *"})
    assert field in both.context["form"].errors
    answer = console.client.post(support.url("jobs_job_add"), form)
    assert answer.status_code == 302, support.problems(answer)
    (made,) = rows.fetch("SELECT id, kind FROM schedule WHERE tenant_id = %s", tenant)
    assert made[1] == kind
    assert shown in console.page("jobs_schedule_change", made[0])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("rrule", "FREQ=SOMETIMES"),
        ("rule", '{"every": "moon"}'),
        ("expression", "61 * * * *"),
        ("timezone", "Mars/Base"),
        ("payload", '{"x": 1}'),
        ("retry", '{"max": 1}'),
        ("name", "a/b"),
        ("priority", 10),
    ],
)
def test_a_new_job_that_cannot_be_is_refused_beside_the_field(console: Console, field: str, wrong: Any) -> None:
    tenant = rows.tenant()
    usual = {} if field in ("rrule", "rule") else {"expression": "0 3 * * *"}
    form = _form(**{"tenant": str(tenant), "timezone": "UTC", **usual, field: wrong})
    answer = console.client.post(support.url("jobs_job_add"), form)
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert rows.fetch("SELECT 1 FROM job WHERE tenant_id = %s", tenant) == []


def test_a_name_taken_is_refused_beside_the_name(console: Console) -> None:
    _, tenant = rows.job(name="nightly")
    answer = console.client.post(support.url("jobs_job_add"), _form(tenant=str(tenant), timezone="UTC"))
    assert "exists already" in answer.context["form"].errors["name"][0]


def test_a_changed_definition_is_a_new_revision(console: Console) -> None:
    job, _ = rows.job(name="nightly", payload={"duration_seconds": 1, "output_bytes": 2})
    form = console.get("jobs_job_definition", job).context["form"]
    assert form.initial["payload"] == {"duration_seconds": 1, "output_bytes": 2}
    answer = console.client.post(
        support.url("jobs_job_definition", job), _form(name="daily", payload='{"duration_seconds": 5}')
    )
    assert answer.status_code == 302, support.problems(answer)
    assert rows.fetch("SELECT name, payload, revision FROM job WHERE id = %s", job) == [
        ("daily", {"duration_seconds": 5}, 2)
    ]
    assert rows.fetch("SELECT count(*) FROM job_revision WHERE job_id = %s", job) == [(2,)]


def test_a_python_job_is_made_and_its_wrong_arguments_are_named_beside_the_payload(console: Console) -> None:
    tenant = rows.tenant(allowed_callables='["tests.support.callables:orders"]')
    payload: dict[str, Any] = {"callable": "tests.support.callables:orders", "kwargs": {"limit": "many"}}
    form = {**_form(type="python"), "tenant": str(tenant), "expression": "", "timezone": "UTC"}
    answer = console.client.post(support.url("jobs_job_add"), {**form, "payload": json.dumps(payload)})
    problems = answer.context["form"].errors["payload"]
    assert [text.partition(": ")[0] for text in problems] == ["payload.kwargs.region", "payload.kwargs.limit"]
    payload["kwargs"] = {"region": "eu"}
    answer = console.client.post(support.url("jobs_job_add"), {**form, "payload": json.dumps(payload)})
    assert answer.status_code == 302, support.problems(answer)
    assert rows.fetch("SELECT payload FROM job WHERE tenant_id = %s", tenant) == [(payload,)]


def test_a_page_says_in_the_apis_words_why_it_does_not_run_and_how_it_went_last(console: Console) -> None:
    job = rows.job(state="paused")
    rows.execution(job, "failed", error_code="TIMEOUT", attempt=3, epoch=3)
    text = support.text_of(console.page("jobs_job_change", job[0]))
    assert "Paused: the job is paused: its schedules are held" in text
    assert "failed: it ran longer than its time limit (TIMEOUT); all 3 attempts are used up." in text


def test_a_page_says_that_a_job_has_more_schedules_than_it_shows(console: Console) -> None:
    job = rows.job()
    schedule = rows.schedule(job)
    assert "Schedules, the first" not in console.page("jobs_job_change", job[0])
    many.alike("schedule", schedule, 100)
    page = console.page("jobs_job_change", job[0])
    assert "Schedules, the first 100" in page
    assert f"{support.url('jobs_schedule_changelist')}?job__id__exact={job[0]}" in page
