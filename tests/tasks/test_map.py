"""Jobs of type ``map``: a child for each item, so many at once, and what their ends make of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from jobs.engine import suspensions, workflows
from jobs.rules import identity, sub_runs
from tests.support import children, rows
from tests.support import workflows as runs
from tests.support.children import World

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database", "quick")


@pytest.fixture
def world() -> World:
    made = World()
    made.job("each")
    return made


def start(world: World, over: Any, **payload: Any) -> UUID:
    world.job(
        "all",
        type="map",
        payload={"job": "each", "over": over, "payload": {"result": "{{ item }}"}} | payload,
        retry={"max_attempts": 1},
    )
    return world.start("all")


def finish(execution: UUID, *outcomes: str) -> None:
    """End those that are let go, in their order."""
    run = identity.sub_run_id(execution)
    runs.ripen()
    going = sorted(step for step, (state, _) in children.members(execution).items() if state == "pending")
    with transaction.atomic():
        for step, how in zip(going, outcomes, strict=True):
            runs.end(run, {step: how})


def test_each_item_has_its_child_and_results_are_in_order(world):
    execution = start(world, [{"n": 2}, "b", None], payload={"result": ["{{ index }}", "{{ item }}"]})
    world.settle()
    state, result, _ = children.outcome(execution)
    assert (state, result["results"], result["truncated"]) == ("succeeded", [[0, {"n": 2}], [1, "b"], [2, None]], False)
    assert (result["children"], result["succeeded"]) == (3, 3)


def test_no_items_are_no_children(world):
    execution = start(world, [])
    assert children.outcome(execution)[:2] == (
        "succeeded",
        {"children": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0, "results": [], "truncated": False},
    )


def test_the_items_may_be_what_an_expression_gives(world):
    world.job("all", type="map", payload={"job": "each", "over": "{{ event.payload.files }}"})
    execution = world.start("all", event={"id": "1", "name": "x", "payload": {"files": [1, 2]}})
    state, _, problem = children.outcome(execution)
    assert (state, len(children.members(execution))) == ("blocked", 2), problem


def test_never_more_run_at_once_than_its_cap(world):
    execution = start(world, list(range(5)), cap=2)
    seen = []
    for _ in range(3):
        standing = [state for state, _ in children.members(execution).values()]
        seen.append((standing.count("scheduled") + standing.count("pending"), standing.count("blocked")))
        finish(execution, *["succeed"] * seen[-1][0])
    assert seen == [(2, 3), (2, 1), (1, 0)]
    assert suspensions.resume_due() == 1


def test_after_more_failures_than_allowed_no_further_item_starts_and_it_fails_naming_them(world):
    execution = start(world, list(range(5)), cap=2, allow_failures=1)
    finish(execution, "fail", "fail")
    reasons = {step: reason for step, (_, reason) in children.members(execution).items()}
    # The third was let go as the first had failed.
    assert reasons == {"0": "", "1": "", "2": "", "3": "NO_LONGER_NEEDED", "4": "NO_LONGER_NEEDED"}
    world.settle()
    state, _, problem = children.outcome(execution)
    assert state == "failed"
    assert problem == "2 of 5 items failed: 0 (EXECUTION_FAILED: it broke); 1 (EXECUTION_FAILED: it broke)"


@pytest.mark.parametrize("allowed", [1, "25%"])
def test_as_many_failures_as_allowed_leave_it_succeeded(world, allowed):
    execution = start(world, list(range(4)), allow_failures=allowed)
    finish(execution, "fail", "succeed", "succeed", "succeed")
    world.settle()
    state, result, _ = children.outcome(execution)
    assert (state, result["failed"], result["succeeded"], result["results"][0]) == ("succeeded", 1, 3, None)


def test_results_beyond_what_is_kept_are_left_out_and_it_says_so(world):
    execution = start(world, ["x" * 30_000] * 4)
    world.settle()
    _, result, _ = children.outcome(execution)
    assert (result["succeeded"], len(result["results"]), result["truncated"]) == (4, 2, True)


def test_a_thousand_items_are_made_at_once_and_only_its_cap_is_let_go(world):
    execution = start(world, list(range(1000)), cap=7)
    standing = [state for state, _ in children.members(execution).values()]
    assert (standing.count("scheduled"), standing.count("blocked")) == (7, 993)
    with transaction.atomic():
        assert not workflows.move(identity.sub_run_id(execution)), "nothing more starts without an end"


def test_an_item_without_what_the_payload_reads_fails_it_by_its_name(world):
    execution = start(world, [{"n": 1}, {}], payload={"result": "{{ item.n }}"})
    state, _, problem = children.outcome(execution)
    assert (state, "1.result" in problem) == ("failed", True), problem
    assert rows.fetch("SELECT count(*) FROM workflow_run") == [(0,)]


def test_items_left_out_for_their_disabled_job_run_once_it_is_active_again(world):
    rows.change("UPDATE job SET state = 'disabled' WHERE name = 'each'")
    world.job("all", type="map", payload={"job": "each", "over": [1, 2]}, retry={"max_attempts": 3, "delay_seconds": 5})
    execution = world.start("all", max_attempts=3)
    for _ in range(9):
        if children.attempts(execution)[-1] == (2, "failed"):
            break
        rows.change("UPDATE execution SET not_before = now() WHERE state = 'scheduled'")
        world.round()
    assert set(children.members(execution).values()) == {("skipped", "DISABLED")}
    rows.change("UPDATE job SET state = 'active' WHERE name = 'each'")
    rows.change("UPDATE execution SET not_before = now() WHERE state = 'scheduled'")
    world.settle()
    assert children.outcome(execution)[0] == "succeeded", children.attempts(execution)


def test_maps_in_maps_make_no_more_than_so_many_executions_below_one(world, monkeypatch):
    monkeypatch.setattr(sub_runs, "MOST_BELOW", 5)
    world.job("inner", type="map", payload={"job": "each", "over": [1, 2]}, retry={"max_attempts": 1})
    world.job("all", type="map", payload={"job": "inner", "over": [1, 2]}, retry={"max_attempts": 1})
    execution = world.start("all")
    world.settle()
    assert children.outcome(execution)[0] == "failed"
    told = rows.fetch(
        "SELECT e.state, e.error_message FROM execution e JOIN job j ON j.id = e.job_id AND j.name = 'inner'"
    )
    assert sorted(state for state, _ in told) == ["failed", "succeeded"]
    assert any("more than 5 executions would be made below one" in message for _, message in told)
