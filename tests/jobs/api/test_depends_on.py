"""What a job depends on, as a part of its definition; and what its payload may read of it."""

from __future__ import annotations

import pytest

from tests.jobs.api.test_dependencies import CRON, PATH, refused
from tests.support import rows

WHOLE = {"mode": "start", "trigger_rule": "all_success", "condition": "", "gate_timeout_seconds": 86_400.0}


def edges(owner):
    return [(e["upstream"]["name"], e["downstream"]["name"]) for e in owner.api.get(PATH).json()["data"]][::-1]


def test_a_job_is_created_with_what_it_depends_on(owner, named, make_job):
    named("extract")
    job = make_job(name="report", depends_on=[{"job": "extract", "trigger_rule": "all_done"}])
    assert job["depends_on"] == [{"job": "extract", **WHOLE, "trigger_rule": "all_done"}]
    assert owner.api.get("/api/v1/jobs/report").json()["depends_on"] == job["depends_on"]
    assert owner.api.get("/api/v1/jobs?fields=depends_on").json()["data"][0]["depends_on"] == job["depends_on"]
    assert edges(owner) == [("extract", "report")]
    assert (
        owner.api.put("/api/v1/jobs/report", {"type": "dummy", "depends_on": job["depends_on"]}).json()["outcome"]
        == "unchanged"
    )


def test_a_declaration_replaces_the_set_and_keeps_it_where_it_is_left_out(owner, named):
    named("a", "b", "root")
    body = {"type": "dummy", "depends_on": [{"job": "a"}, {"job": "root"}]}
    owner.api.post(PATH, {"upstream": "root", "downstream": "a"})
    owner.api.post(PATH, {"upstream": "root", "downstream": "b"})
    assert owner.api.put("/api/v1/jobs/end", body).json()["outcome"] == "created"
    kept = owner.api.get(f"{PATH}?upstream=root&downstream=end").json()["data"][0]["id"]
    body["depends_on"] = [{"job": "root"}, {"job": "b"}]
    told = owner.api.put("/api/v1/jobs/end", body).json()
    assert (told["outcome"], [each["job"] for each in told["depends_on"]]) == ("updated", ["root", "b"])
    assert owner.api.get(f"{PATH}?upstream=root&downstream=end").json()["data"][0]["id"] == kept
    assert owner.api.put("/api/v1/jobs/end", {"type": "dummy"}).json()["outcome"] == "unchanged"
    assert owner.api.put("/api/v1/jobs/end", {"type": "dummy", "depends_on": []}).json()["depends_on"] == []
    said = rows.fetch(
        "SELECT changes FROM audit_event WHERE action = 'job.updated' AND tenant_id = %s ORDER BY id", owner.tenant.id
    )
    assert [each["job"] for each in said[-1][0]["depends_on"][0]] == ["root", "b"]


def test_a_merge_patch_replaces_the_list(owner, named, make_job):
    named("a", "root")
    tag = owner.api.get("/api/v1/jobs/a")["ETag"]
    assert owner.api.patch("/api/v1/jobs/a", {"depends_on": [{"job": "root"}]}).json()["depends_on"][0]["job"] == "root"
    assert owner.api.get("/api/v1/jobs/a")["ETag"] != tag
    assert owner.api.patch("/api/v1/jobs/a", {"priority": 7}).json()["depends_on"] != []
    assert owner.api.patch("/api/v1/jobs/a", {"depends_on": None}).json()["depends_on"] == []
    assert refused(owner.api.patch("/api/v1/jobs/a", {"depends_on": [{}]}), 422, "VALIDATION_FAILED") == {
        "depends_on[0].job": ["This field is required."]
    }


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        ([{"job": "gone"}], "depends_on[0].job", "there is no job 'gone' here"),
        ([{"job": "a"}, {"job": "end"}], "depends_on[1].job", "cannot depend on itself"),
        ([{"job": "a"}, {"job": "a"}], "depends_on[1].job", "is named twice"),
        ([{"job": "a", "condition": "1 +"}], "depends_on[0].condition", "+ cannot stand"),
        (
            [{"job": "b", "mode": "gate"}, {"job": "a", "condition": "upstream.c.result.ok"}],
            "depends_on[1].condition",
            "'c', which the condition of 'a' reads",
        ),
        ([{"job": "b"}, {"job": "a", "mode": "gate"}], "depends_on[1].mode", "'end' has none"),
        ([{"job": "a"}, {"job": "b"}], "depends_on", "share no common root"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_place_and_nothing_is_stored(owner, named, wanted, field, says):
    named("a", "b", "end")
    for answer in (
        owner.api.put("/api/v1/jobs/end", {"type": "dummy", "priority": 9, "depends_on": wanted}),
        owner.api.patch("/api/v1/jobs/end", {"priority": 9, "depends_on": wanted}),
    ):
        assert says in refused(answer, 422, "VALIDATION_FAILED")[field][0]
    assert (edges(owner), owner.api.get("/api/v1/jobs/end").json()["priority"]) == ([], 5)


def test_a_circle_is_refused_in_a_declaration(owner, named):
    named("a")
    owner.api.put("/api/v1/jobs/b", {"type": "dummy", "depends_on": [{"job": "a"}]})
    answer = owner.api.put("/api/v1/jobs/a", {"type": "dummy", "depends_on": [{"job": "b"}]})
    assert refused(answer, 409, "CYCLE")["path"] == ["a", "b", "a"]


def test_a_gate_comes_with_its_schedule_in_one_declaration(owner, named):
    named("a")
    body = {"type": "dummy", "schedules": [CRON], "depends_on": [{"job": "a", "mode": "gate"}]}
    assert owner.api.put("/api/v1/jobs/end", body).status_code == 201
    answer = owner.api.put("/api/v1/jobs/end", {**body, "schedules": []})
    assert list(refused(answer, 422, "VALIDATION_FAILED")) == ["depends_on[0].mode"]


def test_a_payload_reads_upstreams_that_its_slots_wait_for(owner, named, make_job):
    named("nightly")
    reads = {"result": "{{ upstream.nightly.result.rows }}"}
    made = make_job(name="report", payload=reads, schedules=[CRON], depends_on=[{"job": "nightly", "mode": "gate"}])
    assert made["payload"] == reads


def test_a_payload_reads_upstreams_of_its_job_and_no_others(owner, named, make_job):
    named("nightly-extract")
    reads = {"result": {"rows": "{{ upstream['nightly-extract'].result.rows }}"}}
    body = {"type": "dummy", "payload": reads}
    details = refused(owner.api.put("/api/v1/jobs/report", body), 422, "VALIDATION_FAILED")
    assert "'nightly-extract' is no upstream of this job" in details["payload.result.rows"][0]
    made = owner.api.put("/api/v1/jobs/report", {**body, "depends_on": [{"job": "nightly-extract"}]})
    assert made.status_code == 201, made.content
    assert owner.api.put("/api/v1/jobs/report", body).json()["outcome"] == "unchanged"
    gone = owner.api.put("/api/v1/jobs/report", {**body, "depends_on": []})
    assert list(refused(gone, 422, "VALIDATION_FAILED")) == ["payload.result.rows"]
    edge = owner.api.get(PATH).json()["data"][0]["id"]
    assert list(refused(owner.api.delete(f"{PATH}/{edge}"), 422, "VALIDATION_FAILED")) == ["payload.result.rows"]


def test_a_job_is_not_renamed_while_another_reads_or_runs_it_by_its_name(owner, named):
    named("extract", "other")
    path = "/api/v1/jobs/extract"

    def put(name, payload, condition="", **fields):
        edge = {"job": "extract", "condition": condition}
        answer = owner.api.put(f"/api/v1/jobs/{name}", {"payload": payload, **fields, "depends_on": [edge]})
        assert answer.status_code < 300, answer.content

    def told():
        details = refused(owner.api.patch(path, {"name": "fetch"}), 422, "VALIDATION_FAILED")
        return details["name"][0]

    put("a", {"result": "{{ upstream.extract.result.rows }}"}, type="dummy")
    assert "a reads its results" in told()
    put("a", {}, "upstream.extract.result.rows > 0", type="dummy")
    assert "a reads its results" in told()
    put("a", {}, type="dummy")
    each = owner.api.put("/api/v1/jobs/each", {"type": "map", "payload": {"job": "extract", "over": [1]}})
    assert each.status_code == 201, each.content
    assert "each runs it" in told()
    assert owner.api.get("/api/v1/jobs/fetch").status_code == 404
    by_id = {"job": owner.api.get(path).json()["id"]}
    assert owner.api.patch("/api/v1/jobs/each", {"payload": by_id}).status_code == 200
    assert owner.api.patch(path, {"name": "fetch"}).status_code == 200
    assert edges(owner) == [("fetch", "a")]


def test_a_batch_of_jobs_may_depend_on_each_other(owner):
    jobs = [{"name": "a", "type": "dummy"}, {"name": "b", "type": "dummy", "depends_on": [{"job": "a"}]}]
    assert owner.api.post("/api/v1/jobs/batch", {"jobs": jobs}).status_code == 201
    assert edges(owner) == [("a", "b")]


def test_a_copy_depends_on_the_same_where_its_schedules_are_the_same(owner, named, make_job):
    named("a")
    make_job(name="end", schedules=[CRON], depends_on=[{"job": "a", "mode": "gate"}])
    same = owner.api.post("/api/v1/jobs/end/duplicate", {"name": "same", "schedules": "same"})
    assert [each["job"] for each in same.json()["depends_on"]] == ["a"]
    assert owner.api.post("/api/v1/jobs/end/duplicate", {"name": "paused"}).json()["depends_on"] == []


def test_a_template_makes_jobs_with_what_they_depend_on(owner, named):
    named("a")
    body = {"name": "of-template", "type": "dummy", "depends_on": [{"job": "a"}]}
    template = owner.api.post("/api/v1/templates", {"name": "t", "body": body}).json()["id"]
    made = owner.api.post(f"/api/v1/templates/{template}/instantiate", {"items": [{}]})
    assert made.status_code == 201, made.content
    assert edges(owner) == [("a", "of-template")]
