"""Workflow runs at the console: their graph, their steps, and their buttons."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from jobs.admin import run_summary, workflow_runs
from jobs.rules import identity
from jobs.run_graphs import Graph, Member, Step
from tests.support import console as support
from tests.support import rows
from tests.support.console import Console
from tests.support.workflow_runs import chain, make, members


def offered(page: str, run: object) -> list[str]:
    words = ("resume", "rerun", "skip", "cancel")
    return [word for word in words if support.url(f"jobs_workflowrun_{word}", run) in page]


def test_a_run_shows_each_step_with_its_state_in_graph_and_table(console: Console) -> None:
    run, made = chain(rows.tenant(), **{"<b>extract": "failed", "load": "skipped"})
    page = console.page("jobs_workflowrun_change", run)
    assert page.count(support.url("jobs_execution_change", made["load"])) == 2
    text = support.text_of(page)
    assert "load: skipped · DEPENDENCY_FAILED" in text
    assert "<b>extract" not in page
    assert offered(page, run) == ["resume", "rerun"]
    assert "hx-trigger" not in page.split('id="live"')[1][:200]
    assert str(made["load"]) in console.page("jobs_execution_change", made["load"])
    assert support.url("jobs_workflowrun_change", run) in console.page("jobs_execution_change", made["load"])


def test_what_waits_and_what_was_skipped_are_not_drawn_alike(console: Console) -> None:
    run, _ = chain(rows.tenant(), extract="running", check="skipped", load="blocked")
    drawn = console.page("jobs_workflowrun_change", run).split('<g class="')[1:]
    looks = {part.split("<title>")[1].split(":")[0]: part.split('"')[0] for part in drawn}
    assert looks == {
        "extract": "run-step run-info", "check": "run-step run-warning", "load": "run-step run-calm run-waits",
    }  # fmt: skip


def two_items(tenant: UUID, parent: UUID) -> Any:
    """The run of a map's items, one of which runs still, and their executions."""
    return make(
        tenant, {"0": [], "1": []}, {"0": "succeeded", "1": "running"},
        run=identity.sub_run_id(parent), parent_execution_id=parent, root_execution_id=parent,
    )  # fmt: skip


def test_items_of_a_map_are_told_apart_by_what_they_were_given(console: Console) -> None:
    tenant = rows.tenant()
    parent = rows.execution(rows.job(tenant, name="each region"), "running")
    run, made = two_items(tenant, parent)
    rows.change("""UPDATE workflow_run SET graph = graph || '{"most_failures": 0}' WHERE id = %s""", run)
    for step, payload in (("0", '{"region": "<eu>"}'), ("1", '{"region": "us", "day": 3}')):
        rows.change("UPDATE execution SET payload = %s WHERE id = %s", payload, made[step])
    page = console.page("jobs_workflowrun_change", run)
    assert "0 · &lt;eu&gt;" in page.split("</svg>")[0]
    table = support.text_of(page[page.index("Given") :])
    assert "&lt;eu&gt;" in table
    assert "&quot;day&quot;: 3" in table
    assert "Given" not in Console(support.member(tenant, "viewer")).page("jobs_workflowrun_change", run)


def test_leaving_out_a_step_says_that_a_reason_is_needed(console: Console) -> None:
    run, _ = chain(rows.tenant(), extract="running", load="blocked")
    page = console.page("jobs_workflowrun_skip", run)
    reason = page[page.index('for="id_because"') :]
    assert "*" in reason[: reason.index("</label>")]
    assert support.problems(console.press("jobs_workflowrun_skip", run, step="load")) == ["This field is required."]


def test_an_execution_names_the_run_that_it_is_a_step_of(console: Console) -> None:
    tenant = rows.tenant()
    run, made = chain(tenant, extract="running", load="blocked")
    root = rows.fetch("SELECT j.name FROM workflow_run w JOIN job j ON j.id = w.root_job_id WHERE w.id = %s", run)[0][0]
    text = support.text_of(console.page("jobs_execution_change", made["load"]))
    assert f"Step of a workflow run load of {root} ·" in text


def test_it_is_resumed_rerun_and_cancelled_by_its_buttons(console: Console) -> None:
    run, _ = chain(rows.tenant(), extract="failed", load="skipped")
    console.pressed("jobs_workflowrun_resume", run)
    assert members(run) == {"extract": ("scheduled", ""), "load": ("blocked", "")}
    console.pressed("jobs_workflowrun_skip", run, step="load", because="not today")
    assert members(run)["load"] == ("skipped", "SKIPPED_BY_HAND")
    console.pressed("jobs_workflowrun_cancel", run, because="enough")
    assert members(run)["extract"] == ("cancelled", "")
    assert "being cancelled" in support.problems(console.press("jobs_workflowrun_rerun", run, step="extract"))[0]
    trail = rows.fetch("SELECT action, reason FROM audit_event WHERE object_id = %s ORDER BY id", str(run))
    assert trail == [
        ("workflow_run.resumed", ""),
        ("workflow_run.step_skipped", "not today"),
        ("workflow_run.cancel_requested", "enough"),
    ]


def test_two_hundred_steps_are_drawn_without_one_over_another(console: Console) -> None:
    names = [f"step {number}" for number in range(200)]
    upstreams = {name: [names[(place - 1) // 3]] if place else [] for place, name in enumerate(names)}
    run, _ = make(rows.tenant(), upstreams, dict.fromkeys(names, "succeeded"))
    page = console.page("jobs_workflowrun_change", run)
    places = [part.split(" width")[0] for part in page.split("<rect ")[1:]]
    assert (len(places), len(set(places))) == (200, 200)


def test_of_very_many_steps_one_is_typed_and_not_chosen_from_a_list(console: Console, monkeypatch: Any) -> None:
    monkeypatch.setattr(workflow_runs, "_MOST_CHOICES", 1)
    run, _ = chain(rows.tenant(), extract="failed", load="skipped")
    page = console.page("jobs_workflowrun_rerun", run)
    assert "<select" not in page
    assert "there are 2 to choose from" in page
    assert "no such step" in support.problems(console.press("jobs_workflowrun_rerun", run, step="nonsense"))[0]
    console.pressed("jobs_workflowrun_rerun", run, step="extract")
    assert members(run)["extract"] == ("scheduled", "")


def test_a_thousand_children_are_summed_up(console: Console) -> None:
    states = ["succeeded"] * 7 + ["running", "failed", "blocked"]
    found = {f"{number:04d}": states[number % 10] for number in range(1000)}
    steps = [Step(name, uuid4(), Member._make((uuid4(), name, state, *[None] * 9))) for name, state in found.items()]
    told = run_summary.of_graph(Graph(steps, []))
    assert told is not None
    assert [row[1:3] for row in told["table"]["rows"]] == [("100", "10.0 %")] * 3 + [("700", "70.0 %")]
    assert [(share.tone, share.width) for share in told["shares"]][::3] == [("bad", 100.0), ("good", 700.0)]
    assert [step.name for step in run_summary.in_order(steps)[:2]] == ["0008", "0018"]


def test_a_run_that_is_summed_up_shows_no_picture_and_what_failed_first(console: Console, monkeypatch) -> None:
    monkeypatch.setattr(run_summary, "MOST_LISTED", 2)
    monkeypatch.setattr(run_summary, "MOST_LOOSE", 2)
    states = {"a": "succeeded", "b": "succeeded", "c": "failed"}
    run, _ = make(rows.tenant(), {name: [] for name in states}, states)
    page = console.page("jobs_workflowrun_change", run)
    assert 'id="run-graph"' not in page
    assert "2 of 3 steps" in page
    listed = page[page.index("2 of 3 steps") :]
    assert (">c</a>" in listed, ">b</a>" in listed) == (True, False)


def test_the_children_of_an_execution_are_linked_with_it_both_ways(console: Console) -> None:
    tenant = rows.tenant()
    parent = rows.execution(rows.job(tenant, name="nightly"), "running")
    run, _ = two_items(tenant, parent)
    page = console.page("jobs_workflowrun_change", run)
    assert "Children of" in support.text_of(page)
    assert support.url("jobs_execution_change", parent) in page
    assert offered(page, run) == ["skip", "cancel"]
    page = console.page("jobs_execution_change", parent)
    assert support.url("jobs_workflowrun_change", run) in page
    assert "2, 1 of them not ended" in support.text_of(page)
