"""Jobs that run other jobs: which they may name when they are stored."""

from __future__ import annotations

import pytest

from jobs import handlers
from jobs.models import Job
from jobs.services import jobs, named_jobs
from tenants.errors import Invalid
from tests.support import rows


def make(tenant, name, *named, **fields):
    steps = {f"step{n}": {"job": each} for n, each in enumerate(named)}
    return jobs.create(tenant=tenant, fields={"name": name, "type": "workflow", "payload": {"steps": steps}, **fields})


def refused(call, *args, **named):
    with pytest.raises(Invalid) as caught:
        call(*args, **named)
    return {field: str(messages[0]) for field, messages in caught.value.details.items()}


def test_jobs_are_named_by_name_or_id_and_must_be_there(tenant):
    job, _ = rows.job(tenant.id, name="extract")
    assert make(tenant, "fine", "extract", str(job))
    assert refused(make, tenant, "odd", "extract", "absent") == {
        "payload.steps.step1.job": "there is no job 'absent' in this tenant: make it first, or correct the name"
    }


def test_anothers_job_is_not_there(tenant):
    theirs, _ = rows.job(name="theirs")
    found = refused(make, tenant, "thief", "theirs", str(theirs))
    assert set(found) == {"payload.steps.step0.job", "payload.steps.step1.job"}


def test_a_disabled_job_is_refused(tenant):
    rows.job(tenant.id, name="off", state="disabled")
    assert "is disabled" in refused(make, tenant, "w", "off")["payload.steps.step0.job"]


def test_a_job_cannot_run_itself_directly_or_through_others(tenant):
    assert "cannot run itself: w → w" in refused(make, tenant, "w", "w")["payload.steps.step0.job"]
    rows.job(tenant.id, name="leaf")
    inner = make(tenant, "inner", "leaf")
    make(tenant, "outer", "inner")
    jobs.create(tenant=tenant, fields={"name": "each", "type": "map", "payload": {"job": "outer", "over": [1]}})
    found = refused(jobs.update, job=inner, fields={"payload": {"steps": {"a": {"job": "each"}}}})
    assert found == {"payload.steps.a.job": "comes round to this job: inner → each → outer → inner"}


def test_they_run_each_other_to_a_depth(tenant):
    rows.job(tenant.id, name="0")
    for n in range(1, 6):
        make(tenant, str(n), str(n - 1))
    assert "deeper than 5" in refused(make, tenant, "6", "5")["payload.steps.step0.job"]


def test_many_ways_through_few_jobs_cost_one_look_for_each_depth(tenant, django_assert_max_num_queries):
    rows.job(tenant.id, name="leaf")
    below = ["leaf"]
    for deep in range(3):
        for n in range(4):
            make(tenant, f"{deep}-{n}", *below)
        below = [f"{deep}-{n}" for n in range(4)]
    job = Job.objects.get(name="2-0")
    with django_assert_max_num_queries(5):
        assert named_jobs.problems(job, handlers.get("workflow"), {"steps": {"a": {"job": "2-1"}}}) == {}
        assert named_jobs.problems(job, handlers.get("workflow"), {"steps": {"a": {"job": "2-1"}}}, []) == {}


def test_more_jobs_than_are_looked_at_are_refused(tenant, monkeypatch):
    monkeypatch.setattr(named_jobs, "MOST_LOOKED_AT", 2)
    rows.job(tenant.id, name="x")
    rows.job(tenant.id, name="y")
    make(tenant, "inner", "x")
    make(tenant, "wide", "x", "y")
    assert make(tenant, "w", "inner")
    assert "more than 2 different jobs" in refused(make, tenant, "v", "wide")["payload.steps.step0.job"]


@pytest.mark.parametrize(
    ("steps", "field", "said"),
    [
        ({"a": {"job": "x", "upstreams": [{"step": "b"}]}}, "payload.steps", "no step 'b'"),
        (
            {
                "a": {"job": "x", "upstreams": [{"step": "b"}]},
                "b": {"job": "x", "upstreams": [{"step": "a"}]},
            },
            "payload.steps",
            "come round to where they began: a → b → a",
        ),
        (
            {"a": {"job": "x", "payload": {"result": "{{ secrets.token }}"}}},
            "payload.steps.a.payload",
            "secrets cannot be read here",
        ),
        (
            {"a": {"job": "x", "upstreams": [{"step": "a", "condition": "{{ x }}"}]}},
            "payload.steps.a.upstreams[0].condition",
            "leave out the braces",
        ),
    ],
)
def test_what_is_wrong_with_the_steps_is_told_by_its_place(tenant, steps, field, said):
    rows.job(tenant.id, name="x")
    found = refused(jobs.create, tenant=tenant, fields={"name": "w", "type": "workflow", "payload": {"steps": steps}})
    assert said in found[field], found
