"""Canaries as people ask for them: what may be asked, and that somebody goes on although one failed."""

from __future__ import annotations

from typing import Any

from jobs import errors
from jobs.models import Operation
from jobs.rules import canaries
from jobs.rules.canaries import Canary
from jobs.services.operation_kinds import OVER_EXECUTIONS


def wanted(kind: str, size: int | None, must_succeed: int | None) -> dict[str, Any] | None:
    """As an operation stores it; None where none is asked for."""
    if size is None:
        if must_succeed is not None:
            raise errors.invalid({"canary_must_succeed": ["is for a canary: give canary as well"]})
        return None
    if not OVER_EXECUTIONS[kind].runs_again:
        raise errors.invalid({"canary": [f"is for what runs again, and this is a {kind}"]})
    if not 1 <= size <= canaries.MOST:
        raise errors.invalid({"canary": [f"must be from 1 to {canaries.MOST}"]})
    if must_succeed is not None and not 1 <= must_succeed <= size:
        raise errors.invalid({"canary_must_succeed": [f"must be from 1 to canary, which is {size}"]})
    return canaries.stored(Canary(size=size, must_succeed=size if must_succeed is None else must_succeed))


def overrule(operation: Operation) -> dict[str, Any]:
    """It goes on: with the rest, if its canary had failed. Returns what changed."""
    before = canaries.read(operation.canary)
    if before is None or (after := before.overruled()) == before:
        return {}
    operation.canary = canaries.stored(after)
    return {"canary": [before.stage, after.stage]}
