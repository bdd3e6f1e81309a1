"""Edges over the API: made, changed, tried and deleted; and each refusal names the field and the thing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support import actors, people, rows

PATH = "/api/v1/dependencies"
CRON = {"kind": "cron", "expression": "0 0 * * *"}


@pytest.fixture
def join(owner):
    """Posts an edge."""

    def post(upstream, downstream, **fields):
        return owner.api.post(PATH, {"upstream": upstream, "downstream": downstream, **fields})

    return post


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.content
    return answer.json()["error"]["details"]


def actions(owner):
    trail = rows.fetch("SELECT action FROM audit_event WHERE tenant_id = %s ORDER BY id", owner.tenant.id)
    return [action for (action,) in trail if not action.startswith(("api_key", "job.created"))]


def test_an_edge_is_made_changed_listed_and_deleted(owner, named, join):
    extract, report, _ = named("extract", "report", "other")
    made = join("extract", report, condition="upstream.extract.result.rows > 0").json()
    assert made["upstream"] == {"id": extract, "name": "extract"}
    assert (made["downstream"]["name"], made["mode"], made["trigger_rule"]) == ("report", "start", "all_success")
    join("other", "extract")
    changed = owner.api.patch(f"{PATH}/{made['id']}", {"trigger_rule": "all_done", "condition": None}).json()
    assert (changed["trigger_rule"], changed["condition"]) == ("all_done", "")
    assert owner.api.get(f"{PATH}/{made['id']}").json() == changed

    def found(query):
        return [each["upstream"]["name"] for each in owner.api.get(f"{PATH}?{query}").json()["data"]]

    assert found("") == ["other", "extract"]
    assert found("upstream=extract") == found(f"downstream={report}") == found("trigger_rule=all_done") == ["extract"]
    assert (found("mode=gate"), found("upstream=nothing"), len(found("limit=1"))) == ([], [], 1)
    assert owner.api.delete(f"{PATH}/{made['id']}").status_code == 204
    assert found("downstream=report") == []
    assert actions(owner) == ["dependency.created", "dependency.created", "dependency.updated", "dependency.deleted"]


def test_of_two_editors_who_read_the_same_edge_one_changes_it(owner, named, join):
    named("extract", "report")
    made = join("extract", "report")
    path = f"{PATH}/{made.json()['id']}"
    read = owner.api.get(path)["ETag"]
    assert made["ETag"] == read
    changed = owner.api.ask("patch", path, {"trigger_rule": "all_done"}, If_Match=read)
    assert (changed.status_code, changed["ETag"] != made["ETag"]) == (200, True)
    for method, body in (("patch", {"trigger_rule": "always"}), ("delete", None)):
        details = refused(owner.api.ask(method, path, body, If_Match=read), 412, "ETAG_MISMATCH")
        assert details["etag"] == changed["ETag"] == owner.api.get(path)["ETag"]
    now = changed["ETag"]
    assert owner.api.ask("delete", path, None, If_Match=now).status_code == 204


def test_a_circle_is_refused_with_its_path(named, join):
    named("a", "b", "c")
    assert [join("a", "b").status_code, join("b", "c").status_code] == [201, 201]
    details = refused(join("c", "a"), 409, "CYCLE")
    assert details["path"] == ["a", "b", "c", "a"]
    assert details["upstream"] == ["these jobs would wait for each other: a → b → c → a"]


def test_a_gate_closes_a_circle_as_well(named, make_job, join):
    named("a", schedules=[CRON])
    named("b")
    assert join("a", "b").status_code == 201
    assert refused(join("b", "a", mode="gate"), 409, "CYCLE")["path"] == ["a", "b", "a"]


def test_a_foreign_job_is_refused_like_one_that_is_not_there(outsider, named, join):
    named("report")
    theirs = outsider.api.post("/api/v1/jobs", {"name": "theirs", "type": "dummy"}).json()["id"]
    for gone in (theirs, "theirs", str(uuid4()), "nothing", "a\0b"):
        if "\0" in gone:
            assert join(gone, "report").status_code == 422
            continue
        details = refused(join(gone, "report"), 422, "VALIDATION_FAILED")
        assert details == {"upstream": [f"there is no job {gone!r} here: make it first, or correct the name"]}
        assert list(refused(join("report", gone), 422, "VALIDATION_FAILED")) == ["downstream"]


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"upstream": "report"}, "upstream", "'report' cannot depend on itself"),
        ({"mode": "gate"}, "mode", "'report' has none"),
        ({"mode": "sideways"}, "mode", "sideways"),
        ({"trigger_rule": "most"}, "trigger_rule", "most"),
        ({"condition": "upstream.extract.result.rows >"}, "condition", "cannot be read"),
        ({"condition": "payload.a == 1"}, "condition", "only upstream"),
        ({"condition": "upstream.load.result.ok"}, "condition", "'load', which the condition of 'extract' reads"),
        ({"gate_timeout_seconds": 0}, "gate_timeout_seconds", "greater"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_field(owner, named, join, fields, field, says):
    named("extract", "report", "load")
    given = {"upstream": "extract", "downstream": "report", **fields}
    details = refused(owner.api.post(PATH, given), 422, "VALIDATION_FAILED")
    assert says in details[field][0]
    assert owner.api.get(PATH).json()["data"] == []


def test_upstreams_without_a_common_root_need_a_gate(owner, named, join):
    named("a", "b", "root", "end", schedules=[CRON])
    assert join("a", "end").status_code == 201
    details = refused(join("b", "end"), 422, "VALIDATION_FAILED")
    assert "the upstreams of 'end' (a, b) share no common root" in details["upstream"][0]
    assert join("b", "end", mode="gate").status_code == 201
    gate = owner.api.get(f"{PATH}?mode=gate").json()["data"][0]["id"]
    assert list(refused(owner.api.patch(f"{PATH}/{gate}", {"mode": "start"}), 422, "VALIDATION_FAILED")) == ["mode"]
    assert [join("root", "a").status_code, join("root", "b").status_code] == [201, 201]
    assert owner.api.patch(f"{PATH}/{gate}", {"mode": "start"}).status_code == 200


def test_a_second_edge_between_the_same_jobs_is_refused(named, join):
    named("a", "b")
    join("a", "b")
    assert (
        "'b' depends on 'a' already" in refused(join("a", "b", trigger_rule="always"), 409, "CONFLICT")["upstream"][0]
    )


def test_a_dry_run_stores_nothing(owner, named, join):
    named("a", "b")
    tried = owner.api.post(f"{PATH}?dry_run=true", {"upstream": "a", "downstream": "b"}).json()
    assert (tried["outcome"], tried["diff"]["mode"], tried["dependency"]["upstream"]["name"]) == (
        "created",
        [None, "start"],
        "a",
    )
    assert owner.api.get(PATH).json()["data"] == []
    edge = join("a", "b").json()["id"]
    assert owner.api.patch(f"{PATH}/{edge}?dry_run=true", {"mode": "start"}).json()["outcome"] == "unchanged"
    assert owner.api.delete(f"{PATH}/{edge}?dry_run=true").json()["outcome"] == "deleted"
    assert len(owner.api.get(PATH).json()["data"]) == 1


def test_validate_answers_the_graph_or_the_problem_and_stores_nothing(owner, named):
    named("a", "b", "c")
    wanted = [{"upstream": "a", "downstream": "b"}, {"upstream": "b", "downstream": "c"}]
    good = owner.api.post(f"{PATH}/validate", {"dependencies": wanted}).json()
    assert (good["valid"], good["problem"], len(good["graph"]["edges"])) == (True, None, 2)
    assert [(node["name"], node["layer"]) for node in good["graph"]["nodes"]] == [("a", 0), ("b", 1), ("c", 2)]
    bad = owner.api.post(f"{PATH}/validate", {"dependencies": [*wanted, {"upstream": "c", "downstream": "a"}]}).json()
    assert (bad["valid"], bad["graph"], bad["problem"]["code"]) == (False, None, "CYCLE")
    assert list(bad["problem"]["details"]) == ["dependencies[2].upstream", "path"]
    assert owner.api.get(PATH).json()["data"] == []
    assert actions(owner) == []


def test_the_graph_tells_layers_last_runs_and_what_will_not_work(owner, named, join):
    ids = named("a", "b", "c", "x", "y")
    for upstream, downstream in (("a", "b"), ("b", "c"), ("x", "y")):
        join(upstream, downstream)
    run = rows.execution((ids[0], owner.tenant.id), "failed")
    owner.api.post("/api/v1/jobs/a/disable", {})
    graph = owner.api.get(f"{PATH}/graph?job=c").json()
    assert [(node["name"], node["layer"]) for node in graph["nodes"]] == [("a", 0), ("b", 1), ("c", 2)]
    assert graph["nodes"][0]["last_execution"] == {"id": str(run), "state": "failed"}
    assert graph["nodes"][1]["last_execution"] is None
    assert [(edge["upstream"], edge["downstream"]) for edge in graph["edges"]] == [(ids[0], ids[1]), (ids[1], ids[2])]
    assert graph["warnings"] == ["a: is disabled, so nothing after it starts"]
    assert len(owner.api.get(f"{PATH}/graph").json()["nodes"]) == 5
    blind = actors.with_scopes(owner, ["jobs:read"]).api.get(f"{PATH}/graph?job=c").json()
    assert {node["last_execution"] for node in blind["nodes"]} == {None}
    assert refused(owner.api.get(f"{PATH}/graph?job=nothing"), 404, "NOT_FOUND")
    named("alone")
    assert len(owner.api.get(f"{PATH}/graph?job=alone").json()["nodes"]) == 1


def test_deleting_a_job_ends_its_edges_and_says_so(owner, named, join):
    named("a", "b", "c")
    join("a", "b")
    join("b", "c")
    assert owner.api.delete("/api/v1/jobs/b").status_code == 204
    assert owner.api.get(PATH).json()["data"] == []
    said = rows.fetch(
        "SELECT changes FROM audit_event WHERE action = 'job.deleted' AND tenant_id = %s", owner.tenant.id
    )
    assert said[0][0]["dependencies"] == [["a → b", "b → c"], None]


def test_edges_belong_to_the_owner_of_the_downstream(owner, named, join):
    named("theirs")
    editor = people.member(owner.tenant, "editor", own_jobs_only=True)
    own = editor.api().post("/api/v1/jobs", {"name": "own", "type": "dummy"})
    assert own.status_code == 201, own.content
    assert editor.api().post(PATH, {"upstream": "theirs", "downstream": "own"}).status_code == 201
    answer = editor.api().post(PATH, {"upstream": "own", "downstream": "theirs"})
    refused(answer, 403, "MISSING_SCOPE")
