"""The graph of a workflow run, and what follows for its steps from how those before them stand.

    stored: {"steps": {name: {"job": id, "upstreams": [{"step": name, "rule": trigger rule, "condition": expression}]}}}

The root is the step without upstreams; of the children of an execution there may be several (jobs.rules.sub_runs). Steps are judged in memory, all that wait at once: one that is skipped decides those
after it in the same pass, however deep the graph is.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jobs.rules import trigger_rules
from jobs.rules.codes import Absence
from jobs.rules.states import TERMINAL, State
from jobs.rules.trigger_rules import Outcome, Rule, Verdict
from jobs.rules.workflow_runs import RunState

#: Of a step that was skipped: what its downstreams count as upstream_failed.
_FAILED_BEFORE = frozenset(
    {Absence.DEPENDENCY_FAILED, Absence.DEPENDENCY_TIMEOUT, Absence.EXPIRED, Absence.NO_LONGER_NEEDED}
)
_OUTCOMES = {State.SUCCEEDED: Outcome.SUCCEEDED, State.FAILED: Outcome.FAILED, State.CANCELLED: Outcome.FAILED}


@dataclass(frozen=True, slots=True)
class Edge:
    """From a step's upstream."""

    step: str
    rule: Rule
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a step: it starts, or is skipped for ``reason``, or is rejected with ``problem``."""

    step: str
    reason: str = ""
    problem: str = ""

    @property
    def starts(self) -> bool:
        return not self.reason and not self.problem

    @property
    def outcome(self) -> Outcome:
        if self.problem:
            return Outcome.FAILED
        return outcome(State.SKIPPED, self.reason) if self.reason else Outcome.WAITING


#: Whether the conditions of a step that may start hold; asked only of steps that have some.
Conditions = Callable[[str], Decision]


@dataclass(frozen=True)
class Graph:
    """Upstream edges by step; of the children of an execution, how many may run at once, how many may fail before no further
    one starts, and the payloads to be rendered when their step does."""

    upstreams: Mapping[str, Sequence[Edge]]
    cap: int | None = None
    most_failures: int | None = None
    payloads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def downstreams(self) -> Mapping[str, Sequence[str]]:
        """Those after each step."""
        found = defaultdict[str, list[str]](list)
        for step, edges in self.upstreams.items():
            for edge in edges:
                found[edge.step].append(step)
        return found

    @property
    def root(self) -> str | None:
        """The step that everything else comes after."""
        return next((step for step, edges in self.upstreams.items() if not edges), None)

    @property
    def leaves(self) -> list[str]:
        """Those that nothing comes after."""
        return [step for step in self.upstreams if not self.downstreams.get(step)]


def parse(stored: Mapping[str, Any]) -> Graph:
    """A run's snapshot."""
    return Graph(
        {
            name: [Edge(edge["step"], Rule(edge["rule"]), edge.get("condition", "")) for edge in step["upstreams"]]
            for name, step in stored.get("steps", {}).items()
        },
        cap=stored.get("cap"),
        most_failures=stored.get("most_failures"),
        payloads={name: step["payload"] for name, step in stored.get("steps", {}).items() if "payload" in step},
        parameters=stored.get("parameters", {}),
    )


def outcome(state: str, reason: str = "") -> Outcome:
    """How an execution stands, as the steps after it see it."""
    if state == State.SKIPPED:
        return Outcome.UPSTREAM_FAILED if reason in _FAILED_BEFORE else Outcome.SKIPPED
    return _OUTCOMES.get(State(state), Outcome.WAITING)


def verdict(edges: Iterable[Edge], outcomes: Mapping[str, Outcome]) -> Verdict:
    """What the rules of a step say; edges of the same rule are counted together."""
    by_rule = defaultdict[Rule, list[Outcome]](list)
    for edge in edges:
        by_rule[edge.rule].append(outcomes.get(edge.step, Outcome.WAITING))
    return trigger_rules.together(
        trigger_rules.decide(rule, trigger_rules.counts(found)) for rule, found in by_rule.items()
    )


def decide(
    graph: Graph, outcomes: Mapping[str, Outcome], blocked: Iterable[str], conditions: Conditions
) -> list[Decision]:
    """What becomes of the ``blocked`` steps, and of what follows from that; those that go on waiting are left out.

    So are those with conditions of which an upstream has been decided just now: conditions read what is stored. Whoever
    carries out the decisions asks again, until there are none.
    """
    standing, made = dict(outcomes), dict[str, Decision]()
    waiting = {step for step in blocked if graph.upstreams.get(step)}
    looked_at = deque(sorted(waiting))
    while looked_at:
        step = looked_at.popleft()
        if step not in waiting or _reads_any(graph.upstreams[step], made):
            continue
        if (decision := _of_step(graph, step, standing, conditions)) is None:
            continue
        waiting.discard(step)
        made[step], standing[step] = decision, decision.outcome
        if not decision.starts:
            looked_at.extend(graph.downstreams.get(step, ()))
    return list(made.values())


def of_children(
    graph: Graph, decisions: Sequence[Decision], states: Mapping[str, tuple[str, str]], blocked: Collection[str]
) -> list[Decision]:
    """What becomes of an execution's children, of which those without upstreams wait for nothing but the cap."""
    failed = sum(outcome(*found) is Outcome.FAILED for found in states.values())
    if graph.most_failures is not None and failed > graph.most_failures:
        return [Decision(step, reason=Absence.NO_LONGER_NEEDED) for step in sorted(blocked)]
    firsts = [Decision(step) for step in sorted(blocked) if not graph.upstreams.get(step)]
    if graph.cap is None:
        return [*firsts, *decisions]
    active = sum(state not in TERMINAL for step, (state, _) in states.items() if step not in blocked)
    starting = [each for each in (*firsts, *decisions) if each.starts][: max(graph.cap - active, 0)]
    return [*starting, *(each for each in decisions if not each.starts)]


def ending(graph: Graph, states: Mapping[str, tuple[str, str]], *, cancelled: bool) -> RunState:
    """The state of a run whose steps have all ended, by (state, reason) of its leaves. Where a quota had no room for a leaf, or
    nothing is left of it, the run has not done its work. A map's has done it with as many items as must succeed."""
    if cancelled:
        return RunState.CANCELLED
    gone = (State.FAILED, "")
    leaves = [states.get(leaf, gone) for leaf in graph.leaves]
    if graph.most_failures is not None:
        is_failed = sum(state != State.SUCCEEDED for state, _ in leaves) > graph.most_failures
    else:
        is_failed = any(_is_failed(*each) for each in leaves)
    return RunState.FAILED if is_failed else RunState.SUCCEEDED


def never_began(state: str, reason: str, began: bool) -> bool:
    """Whether a root has ended so that its run has nothing to do. One that somebody has skipped by hand counts as a step that
    was skipped: what comes after it goes by its rules."""
    if state == State.CANCELLED:
        return not began
    return state == State.SKIPPED and reason != Absence.SKIPPED_BY_HAND


def _of_step(graph: Graph, step: str, outcomes: Mapping[str, Outcome], conditions: Conditions) -> Decision | None:
    edges = graph.upstreams[step]
    match verdict(edges, outcomes):
        case Verdict.WAIT:
            return None
        case Verdict.UPSTREAM_FAILED:
            return Decision(step, reason=Absence.DEPENDENCY_FAILED)
        case Verdict.NOT_MET:
            return Decision(step, reason=Absence.RULE_NOT_MET)
    return conditions(step) if any(edge.condition for edge in edges) else Decision(step)


def _reads_any(edges: Iterable[Edge], made: Mapping[str, Decision]) -> bool:
    """Whether it has conditions, and one of its upstreams has been decided in this pass."""
    edges = list(edges)
    return any(edge.condition for edge in edges) and any(edge.step in made for edge in edges)


def _is_failed(state: str, reason: str) -> bool:
    return outcome(state, reason) in (Outcome.FAILED, Outcome.UPSTREAM_FAILED) or reason == Absence.QUOTA
