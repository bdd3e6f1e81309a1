"""Decisions that executions wait for, as they are moved: asked for, decided once, withdrawn.

    ask ─► waiting ─► decide, by somebody in time ─► approved, rejected
                   ─► lapse, by the clock ─────────► what its default says
                   ─► withdraw, its execution ended ─► withdrawn

Whoever decides wakes the execution in the same transaction: one that has not suspended yet goes on when it does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from jobs import sql
from jobs.engine import suspensions
from jobs.handlers import Suspend
from jobs.models import Approval
from jobs.rules import states
from jobs.rules.approvals import AFTER_ALL, Decision, Default, Question, Standing

IN_ONE_SWEEP = 500
#: What is kept with one that nobody decided on.
NOBODY = "nobody decided in time"

_LIVE = sorted(set(states.State) - states.TERMINAL)


def ask(execution_id: UUID, question: Question) -> Approval:
    """The execution's approval, made if it has none: how it stands now, lapsed if its time is over."""
    named: dict[str, Any] = {name: getattr(question, name) for name in ("roles", "members", "api_keys")}
    sql.run(
        "ask_approval",
        execution_id=execution_id,
        question=question.text,
        not_by_requester=question.not_by_requester,
        limit=question.limit,
        by_default=str(question.by_default),
        **{name: Jsonb(list(values)) for name, values in named.items()},
    )
    approval = Approval.objects.get(execution_id=execution_id)
    if approval.state == Standing.WAITING and lapse(approval):
        approval.refresh_from_db()
    return approval


def decision_of(approval: Approval) -> Decision:
    """What was decided.

    Raises:
        jobs.handlers.Suspend: nobody has yet; whoever does wakes it.
    """
    if approval.decided_at is None:
        now = sql.run("clock")[0].now
        raise Suspend(max(approval.until - now, timedelta()))
    return Decision(Standing(approval.state), approval.decided_by, approval.reason, approval.decided_at)


def lapse(approval: Approval) -> bool:
    """It becomes what its default says, if its time is over and nobody has decided."""
    state = AFTER_ALL[Default(approval.by_default)]
    return _decide(approval, state, by="", reason=NOBODY, is_late=True)


def decide(approval: Approval, state: Standing, *, by: str, reason: str) -> bool:
    """Somebody decides, and it goes on; False if it is decided already, its time is over, or its execution has ended."""
    decided = _decide(approval, state, by=by, reason=reason, is_late=False)
    if decided:
        suspensions.wake([approval.execution_id])
    return decided


def withdraw() -> int:
    """Those whose executions wait no longer. Returns how many."""
    return len(sql.run("withdraw_approvals", live=_LIVE, limit=IN_ONE_SWEEP))


def _decide(approval: Approval, state: Standing, *, by: str, reason: str, is_late: bool) -> bool:
    decided = sql.run(
        "decide_approval", id=approval.pk, state=str(state), by=by, reason=reason, is_late=is_late, live=_LIVE
    )
    return bool(decided)
