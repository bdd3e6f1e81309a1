"""What follows for steps from those before them, in memory."""

from __future__ import annotations

from itertools import product

import pytest

from jobs.rules import trigger_rules, workflow_graphs
from jobs.rules.codes import Absence
from jobs.rules.trigger_rules import Outcome, Rule, Verdict
from jobs.rules.workflow_graphs import Decision, Edge, Graph
from jobs.rules.workflow_runs import RunState


def graph(**upstreams):
    """``b="a"`` or ``b="a one_failed, x"``."""
    return Graph({
        step: [Edge(name, Rule(rule or "all_success")) for name, _, rule in
               (part.strip().partition(" ") for part in before.split(",") if part)]
        for step, before in upstreams.items()
    })  # fmt: skip


def decide(shape, outcomes, blocked, conditions=Decision):
    return {made.step: made for made in workflow_graphs.decide(shape, outcomes, blocked, conditions)}


def test_stored_graph_is_read_back():
    edges = [{"step": "a", "rule": "one_done", "condition": "x"}]
    stored = {"steps": {"a": {"job": "1", "upstreams": []}, "b": {"job": "2", "upstreams": edges}}}
    found = workflow_graphs.parse(stored)
    assert found.upstreams == {"a": [], "b": [Edge("a", Rule.ONE_DONE, "x")]}
    assert (found.root, found.leaves, dict(found.downstreams)) == ("a", ["b"], {"a": ["b"]})


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        ("succeeded", "", Outcome.SUCCEEDED),
        ("failed", "", Outcome.FAILED),
        ("cancelled", "", Outcome.FAILED),
        ("skipped", "DEPENDENCY_FAILED", Outcome.UPSTREAM_FAILED),
        ("skipped", "DEPENDENCY_TIMEOUT", Outcome.UPSTREAM_FAILED),
        ("skipped", "EXPIRED", Outcome.UPSTREAM_FAILED),
        ("skipped", "NO_LONGER_NEEDED", Outcome.UPSTREAM_FAILED),
        ("skipped", "RULE_NOT_MET", Outcome.SKIPPED),
        ("skipped", "SKIPPED_BY_HAND", Outcome.SKIPPED),
        *((state, "", Outcome.WAITING) for state in ("scheduled", "blocked", "pending", "queued", "running")),
    ],
)
def test_outcomes(state, reason, expected):
    assert workflow_graphs.outcome(state, reason) is expected


def test_edges_of_different_rules_are_judged_apart_and_all_must_hold():
    edges = [Edge("a", Rule.ALL_SUCCESS), Edge("b", Rule.ONE_FAILED), Edge("c", Rule.ONE_FAILED)]
    for a, b, c in product(Outcome, repeat=3):
        one = trigger_rules.decide(Rule.ALL_SUCCESS, trigger_rules.counts([a]))
        two = trigger_rules.decide(Rule.ONE_FAILED, trigger_rules.counts([b, c]))
        found = workflow_graphs.verdict(edges, {"a": a, "b": b, "c": c})
        assert found is trigger_rules.together([one, two])
    assert workflow_graphs.verdict(edges, {}) is Verdict.WAIT


def test_skips_go_down_a_deep_graph_in_one_pass():
    deep = 3000
    shape = graph(s0="", **{f"s{n}": f"s{n - 1}" for n in range(1, deep)}, end=f"s{deep - 1} all_done")
    made = decide(shape, {"s0": Outcome.FAILED}, [*(f"s{n}" for n in range(1, deep)), "end"])
    assert len(made) == deep
    assert made["end"].starts
    assert {made[f"s{n}"].reason for n in range(1, deep)} == {Absence.DEPENDENCY_FAILED}


def test_what_starts_holds_up_what_comes_after_it():
    shape = graph(a="", b="a", c="b", d="a always")
    assert decide(shape, {"a": Outcome.WAITING}, ["b", "c", "d"]).keys() == {"d"}
    made = decide(shape, {"a": Outcome.SUCCEEDED}, ["b", "c"])
    assert {step: each.starts for step, each in made.items()} == {"b": True}


def test_only_blocked_steps_are_decided():
    shape = graph(a="", b="a", c="b")
    assert decide(shape, {"a": Outcome.FAILED}, ["c"]) == {}
    assert decide(shape, {"a": Outcome.FAILED}, ["a"]) == {}


def test_conditions_are_asked_only_of_what_may_start_and_not_over_what_is_not_stored_yet():
    shape = Graph({
        "a": [], "b": [Edge("a", Rule.ALL_SUCCESS)], "c": [Edge("b", Rule.ALL_DONE, "x")],
        "d": [Edge("a", Rule.ALL_DONE, "x")], "e": [Edge("a", Rule.ALL_SUCCESS, "x")],
    })  # fmt: skip
    asked = []

    def conditions(step):
        asked.append(step)
        return Decision(step, problem="no")

    made = decide(shape, {"a": Outcome.FAILED}, ["b", "c", "d", "e"], conditions)
    assert asked == ["d"]
    assert {step: each.reason or each.problem for step, each in made.items()} == {
        "b": "DEPENDENCY_FAILED", "d": "no", "e": "DEPENDENCY_FAILED",
    }  # fmt: skip
    again = decide(shape, {"a": Outcome.FAILED, "b": Outcome.UPSTREAM_FAILED}, ["c"], conditions)
    assert again.keys() == {"c"}


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (("succeeded", ""), RunState.SUCCEEDED),
        (("skipped", "RULE_NOT_MET"), RunState.SUCCEEDED),
        (("skipped", "DEPENDENCY_FAILED"), RunState.FAILED),
        (("skipped", "QUOTA"), RunState.FAILED),
        (("failed", ""), RunState.FAILED),
        (("cancelled", ""), RunState.FAILED),
    ],
)
def test_run_ends_as_its_leaves_do(leaf, expected):
    shape = graph(a="", b="a", c="a")
    states = {"a": ("failed", ""), "b": ("succeeded", ""), "c": leaf}
    assert workflow_graphs.ending(shape, states, cancelled=False) is expected
    assert workflow_graphs.ending(shape, states, cancelled=True) is RunState.CANCELLED
    assert (
        workflow_graphs.ending(shape, {"a": ("succeeded", ""), "b": ("succeeded", "")}, cancelled=False)
        is RunState.FAILED
    )
