"""Executions that one runs as its own: their payloads, their graph, and which are let go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.rules import payload_expressions, sub_runs, workflow_graphs
from jobs.rules.payload_expressions import InvalidPayload
from jobs.rules.sub_runs import Child, Plan
from jobs.rules.workflow_graphs import Decision


def plan(**columns):
    late = Child(
        step="b", job="y", payload={"x": "{{ upstream.a.result }}"}, upstreams=[{"step": "a", "rule": "all_done"}]
    )
    first = Child(step="a", job="x", payload={"x": "{{ parameters.day }}-{{ index }}"}, scope={"index": 4})
    return Plan(children=[first, late], parameters={"day": "mon"}, **columns)


def test_what_reads_no_upstream_is_rendered_at_once_and_the_rest_is_kept_with_the_graph():
    assert sub_runs.payloads(plan()) == {"a": {"x": "mon-4"}}
    stored = sub_runs.graph(plan(cap=2), {"a": "1", "b": "2"}, depth=1, attempt=1, top="t")
    assert stored["steps"]["a"] == {"job": "1", "upstreams": []}
    graph = workflow_graphs.parse(stored)
    assert (graph.cap, graph.payloads, graph.parameters) == (2, {"b": {"x": "{{ upstream.a.result }}"}}, {"day": "mon"})


def test_a_payload_that_cannot_be_rendered_names_its_step():
    wrong = Plan(children=[Child(step="07", job="x", payload={"x": "{{ item.n }}"}, scope={"item": {}})])
    with pytest.raises(InvalidPayload, match=r"07\.x"):
        sub_runs.payloads(wrong)


def test_all_payloads_together_are_bounded(monkeypatch):
    monkeypatch.setattr(sub_runs, "MOST_CHARS", 20)
    with pytest.raises(InvalidPayload, match="together"):
        sub_runs.payloads(Plan(children=[Child(step=str(n), job="x", payload={"x": "12345"}) for n in range(3)]))


@pytest.mark.parametrize("name", ["secrets.token", "payload.x", "now", "execution.id", "nothing"])
def test_a_childs_payload_reads_nothing_else(name):
    ((place, message),) = sub_runs.problems({"deep": ["{{ " + name + " }}"]})
    assert place == ("deep", 0)
    assert name.partition(".")[0] in message


def graph(*, cap=None, most_failures=None, **upstreams):
    steps = {
        name: {"upstreams": [{"step": each, "rule": "all_success"} for each in before]}
        for name, before in upstreams.items()
    }
    return workflow_graphs.parse({"steps": steps, "cap": cap, "most_failures": most_failures})


def let_go(graph, **states):
    blocked = [step for step, state in states.items() if state == "blocked"]
    standing = {step: (state, "") for step, state in states.items()}
    outcomes = {step: workflow_graphs.outcome(*each) for step, each in standing.items()}
    found = workflow_graphs.decide(graph, outcomes, blocked, Decision)
    return {each.step: each.reason for each in workflow_graphs.of_children(graph, found, standing, blocked)}


@pytest.mark.parametrize(
    ("cap", "states", "expected"),
    [
        (None, {"a": "blocked", "b": "blocked"}, {"a", "b"}),
        (1, {"a": "blocked", "b": "blocked"}, {"a"}),
        (1, {"a": "running", "b": "blocked"}, set()),
        (1, {"a": "succeeded", "b": "blocked"}, {"b"}),
        (2, {"a": "scheduled", "b": "blocked"}, {"b"}),
    ],
)
def test_as_many_are_let_go_as_the_cap_has_room_for(cap, states, expected):
    assert set(let_go(graph(a=[], b=[], cap=cap), **states)) == expected


def test_the_cap_holds_for_steps_after_others_too_and_skips_nobody_less():
    chain = graph(a=[], b=["a"], c=["a"], d=["x"], x=[], cap=1)
    assert let_go(chain, a="succeeded", b="blocked", c="blocked", x="failed", d="blocked") == {
        "b": "", "d": "DEPENDENCY_FAILED",
    }  # fmt: skip


@pytest.mark.parametrize(("failed", "expected"), [(1, ""), (2, "NO_LONGER_NEEDED")])
def test_beyond_the_failures_allowed_nothing_starts_any_more(failed, expected):
    shape = graph(a=[], b=[], c=[], most_failures=1)
    states = dict(zip("ab", ["failed"] * failed + ["succeeded"] * (2 - failed), strict=True))
    assert let_go(shape, **states, c="blocked") == {"c": expected}


@pytest.mark.parametrize(
    ("ends", "most", "state"),
    [
        (["succeeded", "failed"], 1, "succeeded"),
        (["succeeded", "failed"], 0, "failed"),
        (["failed", "cancelled"], 1, "failed"),
        (["succeeded", "skipped"], 0, "failed"),
        (["succeeded", "skipped"], 1, "succeeded"),
        (["succeeded", "failed"], None, "failed"),
    ],
)
def test_items_end_as_their_map_does(ends, most, state):
    shape = graph(a=[], b=[], most_failures=most)
    states = {step: (end, "DISABLED" if end == "skipped" else "") for step, end in zip("ab", ends, strict=True)}
    assert workflow_graphs.ending(shape, states, cancelled=False) == state


def test_the_worked_example_knows_its_day_when_it_is_run_by_hand_too():
    docs = Path(__file__).parents[3] / "docs/dependencies.md"
    example = json.loads(docs.read_text().split("## Children of an execution")[1].split("```json")[1].split("```")[0])
    parameters = {"parameters": example["parameters"]}
    scope = {"execution": {"scheduled_for": None}, "now": "2026-03-29T00:31:00.000Z"}
    found = payload_expressions.find(parameters)
    assert payload_expressions.render(parameters, found, scope) == {"parameters": {"day": scope["now"]}}
