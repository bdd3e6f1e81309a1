"""Executions that one execution runs as its own: what is to run, as a workflow run's graph, and how it has ended.

    {"steps": {name: {"job": id, "upstreams": […], "payload": template}}, "cap": 10, "most_failures": 0,
     "parameters": {…}, "depth": 1, "attempt": 1, "top": id, "below": 10}

``top`` is the run of the first of those that are within each other, and ``below``, in that one alone, how many executions were
made under it.

A child's payload is a template over :data:`NAMES`. One that reads no upstream is rendered when the children are made; one that
does is kept in the graph and rendered when its step starts (jobs.engine.sub_steps). What comes of it is stored as the child's
overrides, so no secret may stand in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.rules import payload_expressions
from jobs.rules.payload_expressions import InvalidPayload

#: Of one execution, and how deep such executions may be in each other.
MOST_CHILDREN = 1000
MOST_DEEP = 5
#: Below one that is nobody's child, at whatever depth.
MOST_BELOW = 10_000
#: Of the payloads of all children together, in characters of JSON.
MOST_CHARS = 4 * 1024 * 1024
#: What a child's payload may read: its own, and the steps before it.
OWN = frozenset({"parameters", "item", "index"})
NAMES = OWN | {"upstream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One to be. ``job`` by name or id; ``scope``: what its payload reads beside ``parameters`` and ``upstream``."""

    step: str
    job: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    #: Each with ``step``, ``rule`` and ``condition``.
    upstreams: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of them. At most ``cap`` run at once; after more than ``most_failures`` no further one starts."""

    children: Sequence[Child]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cap: int | None = None
    most_failures: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedChild:
    """How one has ended. ``omitted``: its result is left out, since all together were too large."""

    step: str
    state: str
    reason: str = ""
    error_code: str = ""
    error_message: str = ""
    result: Any = None
    omitted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How all have, as their workflow run says; in the order of their steps' names."""

    state: str
    children: Sequence[EndedChild]


def problems(payload: Any, names: frozenset[str] = NAMES) -> list[tuple[payload_expressions.Place, str]]:
    """What is wrong with a child's template, by its place: what cannot be read, and names that mean nothing there."""
    try:
        found = payload_expressions.find(payload, further=OWN)
    except InvalidPayload as error:
        return list(error.problems)
    wrong = []
    for place, template in found.templates.items():
        read = {name for each in template.expressions for name in each.names}
        if strange := sorted(read - names):
            wrong.append((place, f"{strange[0]} cannot be read here, only {', '.join(sorted(names))}"))
    return wrong


def parameters(payload: Mapping[str, Any]) -> set[str]:
    """Those that a child's template cannot be rendered without."""
    found = payload_expressions.find(payload, further=OWN)
    return {name for each in found.all() for name in each.parameters}


def reads_upstream(payload: Mapping[str, Any]) -> bool:
    """Whether it can be rendered only once the steps before it have ended."""
    return "upstream" in payload_expressions.find(payload, further=OWN).names


def rendered(payload: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """A child's overrides. Raises :class:`InvalidPayload`."""
    return payload_expressions.render(payload, payload_expressions.find(payload, further=OWN), scope)


def graph(plan: Plan, jobs: Mapping[str, str], *, depth: int, attempt: int, top: str) -> dict[str, Any]:
    """As it is stored with the run; ``jobs``: the id of each step's."""
    told: dict[str, Any] = {"depth": depth, "attempt": attempt, "top": top}
    if plan.cap is not None:
        told["cap"] = plan.cap
    if plan.most_failures is not None:
        told["most_failures"] = plan.most_failures
    late = {child.step: child for child in plan.children if reads_upstream(child.payload)}
    if late:
        told["parameters"] = dict(plan.parameters)
    steps = {child.step: _step(child, jobs[child.step], late) for child in plan.children}
    return {"steps": steps, **told}


def _step(child: Child, job: str, late: Mapping[str, Child]) -> dict[str, Any]:
    step: dict[str, Any] = {"job": job, "upstreams": [dict(edge) for edge in child.upstreams]}
    return {**step, "payload": dict(child.payload)} if child.step in late else step


def payloads(plan: Plan) -> dict[str, dict[str, Any]]:
    """The overrides of each child whose template reads no upstream. Raises :class:`InvalidPayload`."""
    made: dict[str, dict[str, Any]] = {}
    left = MOST_CHARS
    for child in plan.children:
        if reads_upstream(child.payload):
            continue
        try:
            made[child.step] = rendered(child.payload, {"parameters": plan.parameters, **child.scope})
        except InvalidPayload as error:
            raise InvalidPayload([((child.step, *place), message) for place, message in error.problems]) from None
        left -= len(json.dumps(made[child.step]))
        if left < 0:
            message = f"the payloads are larger than {MOST_CHARS // 1024**2} MiB together: name bulk data instead"
            raise InvalidPayload([((child.step,), message)])
    return made
