"""What the steps before a step, or the upstreams of a slot that waited at gates, have come to: for payloads and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.engine import gates
from jobs.rules import identity
from jobs.rules.codes import Absence
from jobs.rules.expression_values import Budget, CannotCompute, InvalidExpression
from jobs.rules.workflow_graphs import Decision, Graph

#: Characters of JSON that are read of the results of all its upstreams together.
MOST = 1024 * 1024


class TooMuchError(ValueError):
    """The results of its upstreams are too large to be read together: return less, or store it elsewhere."""

    def __init__(self, step: str) -> None:
        super().__init__(
            f"up to {step!r}, the results of its upstreams are larger than {MOST // 1024} KiB together: let them return less"
        )


def of(execution_id: UUID) -> dict[str, Any]:
    """By step, ``id``, ``state``, ``reason`` and ``result`` of those directly before an execution's step, or, by job, of
    what the gates of a slot let it go by; empty if it is neither.

    Raises :class:`TooMuchError`. What was to be masked in a result was masked when it was stored.
    """
    low, high = identity.beside(execution_id)
    rows = sql.run("upstream_results", id=execution_id, low=low, high=high, most=MOST)
    return {row.step: _told(row.step, row) for row in rows} or _at_gates(execution_id)


def _at_gates(execution_id: UUID) -> dict[str, Any]:
    """All is None of an upstream that nothing has ended of."""
    named = gates.let_go_by(execution_id)
    ids = [each for each in named.values() if each]
    ended = {row.id: row for row in sql.run("results_of", ids=ids, most=MOST)} if ids else {}
    return {job: _told(job, ended.get(each)) for job, each in named.items()}


def _told(name: str, row: Any) -> dict[str, Any]:
    if row is None:
        return dict.fromkeys(("id", "state", "reason", "result"))
    if row.is_too_much:
        raise TooMuchError(name)
    return {"id": str(row.id), "state": row.state, "reason": row.reason, "result": row.result}


def standing(execution_id: UUID) -> dict[str, str]:
    """The state of each step directly before an execution's step; empty if it is none."""
    low, high = identity.beside(execution_id)
    rows = sql.run("upstream_results", id=execution_id, low=low, high=high, most=0)
    return {row.step: row.state for row in rows}


def judged(graph: Graph, step: str, execution_id: UUID) -> Decision:
    """Whether the conditions of a step hold. One that cannot be computed is the step's failure: nobody knows what was meant."""
    from jobs.rules import expression_language  # noqa: PLC0415 - 8 MiB that an engine without conditions does without

    try:
        scope: Mapping[str, Any] = {"upstream": of(execution_id)}
    except TooMuchError as error:
        return Decision(step, problem=str(error))
    for edge in graph.upstreams[step]:
        if not edge.condition:
            continue
        try:
            holds = expression_language.parse(edge.condition).evaluate(scope, Budget())
        except (InvalidExpression, CannotCompute) as error:
            return Decision(
                step, problem=f"the condition of its dependency on {edge.step!r} cannot be computed: {error}"
            )
        if not isinstance(holds, bool):
            return Decision(step, problem=f"the condition of its dependency on {edge.step!r} is neither true nor false")
        if not holds:
            return Decision(step, reason=Absence.CONDITION_FALSE)
    return Decision(step)
