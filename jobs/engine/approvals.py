"""Decisions that executions wait for, as they are moved: asked for, decided once, withdrawn.

    ask ─► waiting ─► decide, by somebody in time ─► approved, rejected
                   ─► lapse, by the clock ─────────► what its default says
                   ─► withdraw, its execution ended ─► withdrawn

Whoever decides wakes the execution in the same transaction: one that has not suspended yet goes on when it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from jobs import sql
from jobs.models import Approval
from jobs.rules import states
from jobs.rules.approvals import AFTER_ALL, Default, Standing

IN_ONE_SWEEP = 500
#: What is kept with one that nobody decided on.
NOBODY = "nobody decided in time"

_LIVE = sorted(set(states.State) - states.TERMINAL)


def ask(
    execution_id: UUID,
    *,
    question: str,
    roles: Sequence[str],
    members: Sequence[str],
    api_keys: Sequence[str],
    not_by_requester: bool,
    limit: timedelta,
    by_default: Default,
) -> Approval:
    """The execution's approval, made if it has none: how it stands now, lapsed if its time is over."""
    named: dict[str, Any] = {"roles": roles, "members": members, "api_keys": api_keys}
    sql.run(
        "ask_approval",
        execution_id=execution_id,
        question=question,
        not_by_requester=not_by_requester,
        limit=limit,
        by_default=str(by_default),
        **{name: Jsonb(list(values)) for name, values in named.items()},
    )
    approval = Approval.objects.get(execution_id=execution_id)
    if approval.state == Standing.WAITING and lapse(approval):
        approval.refresh_from_db()
    return approval


def lapse(approval: Approval) -> bool:
    """It becomes what its default says, if its time is over and nobody has decided."""
    state = AFTER_ALL[Default(approval.by_default)]
    return _decide(approval, state, by="", reason=NOBODY, is_late=True)


def decide(approval: Approval, state: Standing, *, by: str, reason: str) -> bool:
    """Somebody decides; False if it is decided already, its time is over, or its execution has ended."""
    return _decide(approval, state, by=by, reason=reason, is_late=False)


def withdraw() -> int:
    """Those whose executions wait no longer. Returns how many."""
    return len(sql.run("withdraw_approvals", live=_LIVE, limit=IN_ONE_SWEEP))


def _decide(approval: Approval, state: Standing, *, by: str, reason: str, is_late: bool) -> bool:
    decided = sql.run(
        "decide_approval", id=approval.pk, state=str(state), by=by, reason=reason, is_late=is_late, live=_LIVE
    )
    return bool(decided)
