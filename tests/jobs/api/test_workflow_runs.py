"""Workflow runs over the API: how far they have come, and what somebody may do about them."""

from __future__ import annotations

from uuid import uuid4

from jobs.rules import identity
from tests.support import ids, rows
from tests.support.workflow_runs import chain, make, members

RUNS = "/api/v1/workflow-runs"
DIAMOND = {"extract": [], "clean": ["extract"], "count": ["extract"], "report": ["clean", "count"]}


def diamond(owner, **changed):
    return make(owner.tenant.id, DIAMOND, dict.fromkeys(DIAMOND, "succeeded") | changed)


def post(owner, run, action, body=None):
    return owner.api.post(f"{RUNS}/{run}/{action}", body or {})


def told(execution):
    return rows.fetch("SELECT is_told FROM execution WHERE id = %s", execution)[0][0]


def test_runs_are_listed_newest_first_and_by_state_root_and_time(owner):
    (failed, _), (running, _) = chain(owner.tenant.id, extract="failed", load="skipped"), chain(owner.tenant.id)
    listed = owner.api.get(RUNS).json()["data"]
    assert [row["id"] for row in listed[:2]] == [str(running), str(failed)]
    assert [row["id"] for row in owner.api.get(f"{RUNS}?state=failed&limit=1").json()["data"]] == [str(failed)]
    of_root = owner.api.get(f"{RUNS}?job={listed[1]['job']['name']}").json()["data"]
    assert [row["id"] for row in of_root] == [str(failed)]
    since, until = listed[0]["created_at"], listed[1]["created_at"]
    assert str(failed) not in owner.api.get(f"{RUNS}?created_at[gte]={since}").content.decode()
    assert str(running) not in owner.api.get(f"{RUNS}?created_at[lte]={until}").content.decode()
    assert owner.api.get(f"{RUNS}?state=blue").status_code == 422


def test_a_graph_names_steps_after_their_upstreams_with_what_stands_for_them(owner):
    run, made = diamond(owner, report="running")
    found = owner.api.get(f"{RUNS}/{run}/graph").json()
    names = [step["name"] for step in found["steps"]]
    assert names == ["extract", "clean", "count", "report"]
    assert [step["execution"]["id"] for step in found["steps"]] == [str(made[name]) for name in names]
    assert found["steps"][3]["execution"]["state"] == "running"
    assert {"upstream": "clean", "downstream": "report", "trigger_rule": "all_success", "condition": ""} in found[
        "edges"
    ]


def test_a_run_whose_root_is_not_due_has_its_root_alone(owner):
    run, made = chain(owner.tenant.id, extract="scheduled")
    rows.change("UPDATE workflow_run SET state = 'planned', graph = '{}' WHERE id = %s", run)
    rows.change("UPDATE execution SET step = '' WHERE workflow_run_id = %s", run)
    (step,) = owner.api.get(f"{RUNS}/{run}/graph").json()["steps"]
    assert (step["execution"]["id"], step["history"]) == (str(made["extract"]), [])
    assert owner.api.get(f"{RUNS}/{run}").json()["allowed_actions"] == ["cancel"]


def test_resuming_runs_what_failed_and_all_after_it_once_and_keeps_the_rest(owner):
    run, made = diamond(owner, clean="failed", report="skipped")
    answer = post(owner, run, "resume")
    assert (answer.status_code, answer.json()["state"], answer.json()["reruns"]) == (202, "running", 1)
    assert answer.json()["finished_at"] is None
    events = "SELECT kind, data ->> 'reruns' FROM event WHERE data ->> 'workflow_run' = %s"
    assert rows.fetch(events, str(run)) == [("workflow_run.started", "1")]
    assert {step: state for step, (state, _) in members(run).items()} == {
        "extract": "succeeded", "count": "succeeded", "clean": "scheduled", "report": "blocked",
    }  # fmt: skip
    again = {step["name"]: step for step in owner.api.get(f"{RUNS}/{run}/graph").json()["steps"]}
    assert [each["id"] for each in again["clean"]["history"]] == [str(made["clean"])]
    assert again["extract"]["execution"]["id"] == str(made["extract"])
    # All conclusions are drawn with the request; what is superseded says nothing any more.
    assert (told(made["extract"]), told(made["count"]), told(made["clean"])) == (True, True, True)
    refused = post(owner, run, "resume")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "INVALID_STATE")


def test_what_ran_again_is_its_jobs_last_however_their_ids_compare_and_closes_the_former_ones_letter(owner):
    """Ids of a run are of one instant with a tail by chance: of eight failed ones some are above what replaces them."""
    steps = [f"s{n}" for n in range(8)]
    run, made = make(
        owner.tenant.id,
        {"extract": []} | {key: ["extract"] for key in steps},
        {"extract": "succeeded"} | dict.fromkeys(steps, "failed"),
    )
    for step in steps:
        rows.insert(
            "dead_letter", id=ids.child_of(made[step]), tenant_id=owner.tenant.id, execution_id=made[step], state="open",
            job_id=rows.fetch("SELECT job_id FROM execution WHERE id = %s", made[step])[0][0], error_code="TIMEOUT",
            error_message="", error_fingerprint="f", closed_by="", created_at=rows.now(),
        )  # fmt: skip
    assert post(owner, run, "resume").status_code == 202
    rows.change(
        "UPDATE execution SET state = 'succeeded', started_at = now(), finished_at = now() WHERE workflow_run_id = %s AND state IN ('blocked', 'scheduled')",
        run,
    )
    again = {step["name"]: step for step in owner.api.get(f"{RUNS}/{run}/graph").json()["steps"]}
    jobs = owner.api.get("/api/v1/jobs", expand="last_execution", limit=200).json()["data"]
    last = {job["id"]: job["expanded"]["last_execution"]["id"] for job in jobs}
    for step in steps:
        new = again[step]["execution"]["id"]
        job = owner.api.get(f"/api/v1/executions/{new}").json()["job"]["id"]
        assert last[job] == new
        assert "succeeded" in owner.api.get(f"/api/v1/jobs/{job}/explain").json()["summary"]
        assert rows.fetch("SELECT state, redriven_as::text FROM dead_letter WHERE execution_id = %s", made[step]) == [
            ("redriven", new)
        ]


def test_a_rerun_of_the_root_is_due_at_once_and_the_rest_waits_for_it(owner):
    run, made = diamond(owner)
    assert post(owner, run, "rerun", {"step": "extract"}).status_code == 202
    found = members(run)
    assert found == {"extract": ("scheduled", ""), **dict.fromkeys(["clean", "count", "report"], ("blocked", ""))}
    row = rows.fetch(
        "SELECT trigger, replay_of, payload FROM execution WHERE workflow_run_id = %s AND step = 'extract' AND NOT superseded",
        run,
    )[0]
    assert row[:2] == ("replay", made["extract"])


def test_nothing_is_run_again_beside_itself(owner):
    run, _ = diamond(owner, report="running")
    before = members(run)
    refused = post(owner, run, "rerun", {"step": "clean"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "INVALID_STATE")
    assert "report (running)" in refused.json()["error"]["message"]
    assert members(run) == before


def test_a_branch_is_run_again_while_another_runs_and_blocked_steps_wait_on(owner):
    run, made = diamond(owner, clean="failed", count="running", report="blocked")
    assert post(owner, run, "resume").status_code == 202
    assert members(run)["clean"] == ("scheduled", "")
    kept = rows.fetch("SELECT id FROM execution WHERE workflow_run_id = %s AND step = 'report'", run)
    assert kept == [(made["report"],)]


def test_a_step_that_is_not_there_and_a_job_that_was_deleted_are_refused_by_name(owner):
    run, made = diamond(owner)
    assert post(owner, run, "rerun", {"step": "absent"}).status_code == 404
    assert post(owner, run, "rerun", {}).status_code == 422
    rows.change(
        "UPDATE job SET state = 'deleted' WHERE id = (SELECT job_id FROM execution WHERE id = %s)", made["count"]
    )
    refused = post(owner, run, "rerun", {"step": "extract"})
    assert refused.status_code == 409
    assert "count has been deleted" in refused.json()["error"]["message"]
    assert members(run)["extract"] == ("succeeded", "")


def test_a_blocked_step_is_left_out_with_a_reason_and_no_other(owner):
    run, made = chain(owner.tenant.id, extract="running", load="blocked", report="blocked")
    assert post(owner, run, "steps/load/skip").status_code == 422
    assert post(owner, run, "steps/load/skip", {"reason": "not today"}).status_code == 200
    assert members(run)["load"] == ("skipped", "SKIPPED_BY_HAND")
    assert not told(made["load"])  # so that the run hears of it
    refused = post(owner, run, "steps/extract/skip", {"reason": "not today"})
    assert (refused.status_code, refused.json()["error"]["details"]["state"]) == (409, "running")


def test_a_suspended_step_has_begun_so_it_is_neither_left_out_nor_run_again(owner):
    run, made = chain(owner.tenant.id, extract="succeeded", load="blocked", report="blocked")
    rows.change("UPDATE execution SET epoch = 1, resume_at = now() WHERE id = %s", made["load"])
    refused = post(owner, run, "steps/load/skip", {"reason": "not today"})
    assert (refused.status_code, refused.json()["error"]["details"]["state"]) == (409, "running")
    assert "load (suspended)" in post(owner, run, "rerun", {"step": "extract"}).json()["error"]["message"]


def test_cancelling_ends_what_waits_and_asks_what_runs(owner):
    run, made = chain(owner.tenant.id)
    answer = post(owner, run, "cancel")
    assert answer.status_code == 202
    assert answer.json()["cancel_requested_at"]
    assert members(run)["load"] == ("cancelled", "")
    asked = rows.fetch("SELECT cancel_requested_at FROM execution WHERE id = %s", made["extract"])[0][0]
    assert asked is not None
    assert post(owner, run, "resume").status_code == 409


def test_only_what_could_be_resumed_is_offered_to_be(owner):
    def offered(run):
        (listed,) = [row for row in owner.api.get(RUNS).json()["data"] if row["id"] == str(run)]
        assert owner.api.get(f"{RUNS}/{run}").json()["allowed_actions"] == listed["allowed_actions"]
        return listed["allowed_actions"]

    run, _ = diamond(owner, report="running")
    assert offered(run) == ["cancel", "rerun", "skip"]
    assert post(owner, run, "resume").json()["error"]["details"]["allowed_actions"] == ["cancel", "rerun", "skip"]
    wrong, _ = diamond(owner, clean="failed", count="running", report="blocked")
    assert offered(wrong) == ["cancel", "resume", "rerun", "skip"]
    assert post(owner, wrong, "resume").json()["allowed_actions"] == ["cancel", "rerun", "skip"]
    left, _ = diamond(owner, clean="skipped", report="running")
    rows.change("UPDATE execution SET reason = 'EXPIRED' WHERE workflow_run_id = %s AND step = 'clean'", left)
    assert "resume" in offered(left)
    assert post(owner, left, "cancel").json()["allowed_actions"] == ["cancel", "skip"]


def test_an_ended_run_is_not_cancelled(owner):
    run, _ = diamond(owner)
    assert post(owner, run, "cancel").json()["error"]["details"]["allowed_actions"] == ["rerun"]


def test_executions_name_their_run_and_are_found_by_it(owner):
    run, _ = chain(owner.tenant.id)
    found = owner.api.get(f"/api/v1/executions?workflow_run={run}").json()["data"]
    assert {(row["step"], row["workflow_run"]) for row in found} == {("extract", str(run)), ("load", str(run))}
    assert owner.api.get(f"/api/v1/executions?workflow_run={uuid4()}").json()["data"] == []


def test_a_blocked_step_says_which_upstreams_it_waits_for(owner):
    _, made = diamond(owner, clean="running", report="blocked")
    explained = owner.api.get(f"/api/v1/executions/{made['report']}/explain").json()
    assert explained["reasons"][0]["code"] == "AWAITING_UPSTREAM"
    assert "clean (running)" in explained["summary"]
    assert "count" not in explained["summary"]


def test_the_children_of_an_execution_lead_to_it_and_it_to_them_and_run_again_only_with_it(owner):
    parent = rows.execution(rows.job(owner.tenant.id), "running")
    run, _ = make(
        owner.tenant.id, {"extract": [], "load": ["extract"]}, {"extract": "failed", "load": "skipped"},
        run=identity.sub_run_id(parent), parent_execution_id=parent, root_execution_id=parent,
    )  # fmt: skip
    told = owner.api.get(f"{RUNS}/{run}").json()
    assert (told["parent_execution"], told["allowed_actions"]) == (str(parent), [])
    children = owner.api.get(f"/api/v1/executions/{parent}").json()["children"]
    assert children == {"workflow_run": str(run), "total": 2, "unfinished": 0}
    refused = post(owner, run, "resume")
    assert (refused.status_code, "retry that" in refused.json()["error"]["message"]) == (409, True)
