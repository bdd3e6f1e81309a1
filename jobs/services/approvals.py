"""What people decide on that executions wait for."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from jobs import approvals as reading
from jobs import errors
from jobs.engine import approvals as engine
from jobs.engine import dispatch
from jobs.models import Approval
from jobs.rules import approvals as rules
from jobs.rules.approvals import Decider, Standing
from jobs.services import reasons
from tenants import actors
from tenants.services import audit


def approve(*, approval: Approval, reason: str = "") -> Approval:
    """Let its execution go on."""
    return _decide(approval, Standing.APPROVED, reason)


def reject(*, approval: Approval, reason: str = "") -> Approval:
    """Decide against it, for a reason: what becomes of its execution is for its job to say."""
    return _decide(approval, Standing.REJECTED, reason)


def allowed_actions(approval: Approval, deciders: Mapping[UUID, Decider] | None = None) -> list[str]:
    """What who acts may ask of it; ``deciders``: who they are in each tenant, where many approvals are looked at."""
    if approval.state != Standing.WAITING or approval.is_late:
        return []
    known = reading.deciders(actors.current(), [approval.tenant_id]) if deciders is None else deciders
    return ["approve", "reject"] if reading.may_decide(approval, known.get(approval.tenant_id)) else []


def _decide(approval: Approval, state: Standing, reason: str) -> Approval:
    actors.require(reading.NEEDED, tenant=approval.tenant_id)
    _refuse_others(approval)
    because = reasons.required(reason) if state is Standing.REJECTED else reasons.given(reason)
    with transaction.atomic():
        if not engine.decide(approval, state, by=actors.current().name, reason=because):
            raise _too_late(approval)
        audit.record(
            action=f"approval.{state}",
            object_type="approval",
            object_id=approval.pk,
            tenant=approval.tenant,
            changes={"state": [Standing.WAITING, state], "execution": [None, str(approval.execution_id)]},
            reason=because,
        )
        dispatch.ring_after_commit()
    approval.refresh_from_db()
    return approval


def _refuse_others(approval: Approval) -> None:
    who = reading.decider(actors.current(), approval.tenant_id)
    why = rules.why_not(reading.asked(approval), who) if who else ""
    if why:
        names = reading.Names(approval.tenant_id).of(approval)
        raise errors.NotForYou(why, details={"may_decide": names[:50]})


def _too_late(approval: Approval) -> errors.InvalidState:
    approval.refresh_from_db()
    told = {
        Standing.WAITING: "its time is over, or its execution has ended, so there is nothing to decide on",
        Standing.LAPSED: "nobody decided in time: its execution has failed",
        Standing.WITHDRAWN: "its execution has ended, so there is nothing to decide on",
    }
    by = f" by {approval.decided_by}" if approval.decided_by else ", since nobody decided in time"
    message = told.get(Standing(approval.state), f"this is {approval.state} already{by}")
    return errors.InvalidState(message, state=approval.state, allowed_actions=[])
