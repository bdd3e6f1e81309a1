"""Less of a recovery: what it has not started of older slots is left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from jobs import errors, sql
from jobs.engine import dispatch
from jobs.models import Operation
from jobs.rules import operations as rules
from jobs.services import operations

#: Slots of a schedule that a trimmed recovery keeps.
MOST_KEPT = 100_000


def trim(*, operation: Operation, keep_newest: int | None = None, older_than: datetime | None = None) -> Operation:
    """Leave out what a recovery has not started of older slots: all but the newest so many of each schedule, or those
    before an instant. The engine does it step by step."""
    with transaction.atomic():
        operation = operations.lock(operation)
        if operation.kind != rules.RECOVERY:
            raise errors.Conflict(f"only a recovery can be trimmed, and this is a {operation.kind}")
        if (keep_newest is None) == (older_than is None):
            raise errors.invalid({"keep_newest": ["give either keep_newest or older_than"]})
        if keep_newest is not None and not 1 <= keep_newest <= MOST_KEPT:
            raise errors.invalid({"keep_newest": [f"must be from 1 to {MOST_KEPT}; to keep none, cancel the recovery"]})
        operations.refuse_ended(operation)
        operation.conditions = {**operation.conditions, "trim": _trimmed(operation, keep_newest, older_than)}
        operation.clearing, operation.next_step_at = True, sql.run("clock")[0].now
        operation.save(update_fields=["conditions", "clearing", "next_step_at"])
        asked = {"keep_newest": keep_newest} if older_than is None else {"older_than": older_than.isoformat()}
        operations.record("operation.trimmed", operation, {name: [None, value] for name, value in asked.items()})
        dispatch.ring_after_commit()
    return operation


def _trimmed(operation: Operation, keep_newest: int | None, older_than: datetime | None) -> dict[str, Any]:
    """With what was asked before, as long as that is not done."""
    former: dict[str, Any] = operation.conditions.get("trim", {}) if operation.clearing else {}
    if older_than is not None:
        instants = [datetime.fromisoformat(former["before"])] if "before" in former else []
        return {**former, "before": max([*instants, older_than]).isoformat()}
    found = sql.run("cuts_of_operation", operation_id=operation.pk, keep=keep_newest)
    cuts = {str(row.schedule_id): row.cut.isoformat() for row in found}
    for schedule, cut in former.get("cuts", {}).items():
        cuts[schedule] = max(cut, cuts.get(schedule, cut), key=datetime.fromisoformat)
    return {**former, "cuts": cuts}
