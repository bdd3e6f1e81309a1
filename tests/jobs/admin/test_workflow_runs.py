"""Workflow runs at the console: their graph, their steps, and their buttons."""

from __future__ import annotations

from jobs.rules import identity
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


def test_the_children_of_an_execution_are_linked_with_it_both_ways(console: Console) -> None:
    tenant = rows.tenant()
    parent = rows.execution(rows.job(tenant, name="nightly"), "running")
    run, _ = make(
        tenant, {"0": [], "1": []}, {"0": "succeeded", "1": "running"},
        run=identity.sub_run_id(parent), parent_execution_id=parent, root_execution_id=parent,
    )  # fmt: skip
    page = console.page("jobs_workflowrun_change", run)
    assert "Children of" in support.text_of(page)
    assert support.url("jobs_execution_change", parent) in page
    assert offered(page, run) == ["skip", "cancel"]
    page = console.page("jobs_execution_change", parent)
    assert support.url("jobs_workflowrun_change", run) in page
    assert "2, 1 of them not ended" in support.text_of(page)
