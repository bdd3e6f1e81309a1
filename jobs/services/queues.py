"""Holding a queue of the platform, limiting it and letting it go. For operators: the callers' right is checked at the edge."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from jobs import errors
from jobs.engine import dispatch
from jobs.models import Queue
from tenants.errors import Invalid
from tenants.services import audit, throttles

_LIMITS = ("max_running", "rate_limit", "rate_burst")


def pause(*, queue: Queue) -> Queue:
    """Nothing more of it starts: the engine takes back what is published. What runs goes on, so the queue drains."""
    return _become(queue, paused_at=timezone.now(), action="queue.paused")


def resume(*, queue: Queue) -> Queue:
    """Go on."""
    return _become(queue, paused_at=None, action="queue.resumed")


def change(*, queue: Queue, max_running: int | None, rate_limit: str, rate_burst: int | None) -> Queue:
    """Store new limits. Nothing in flight is stopped by a lowered one."""
    with transaction.atomic():
        queue = _lock(queue)
        before = _limits(queue)
        queue.max_running, queue.rate_limit, queue.rate_burst = max_running, rate_limit, rate_burst
        try:
            queue.clean_fields()
        except ValidationError as error:
            raise Invalid(details=error.message_dict) from None
        changes = {name: [before[name], value] for name, value in _limits(queue).items() if before[name] != value}
        if changes:
            queue.save(update_fields=list(changes))
            audit.record(action="queue.updated", object_type="queue", object_id=queue.pk, tenant=None, changes=changes)
            dispatch.ring_after_commit()
    return queue


def throttle(*, queue: Queue, max_running: int, until: datetime) -> Queue:
    """Let at most ``max_running`` of it be in flight until then."""
    with transaction.atomic():
        queue = _lock(queue)
        throttles.throttle(queue, tenant=None, max_running=max_running, until=until)
        dispatch.ring_after_commit()
    return queue


def unthrottle(*, queue: Queue) -> Queue:
    """End its throttle before its time; does nothing without one."""
    with transaction.atomic():
        queue = _lock(queue)
        throttles.lift(queue, tenant=None)
        dispatch.ring_after_commit()
    return queue


def allowed_actions(queue: Queue) -> list[str]:
    """What an operator may ask of it, beside limiting it."""
    return ["resume"] if queue.paused_at else ["pause"]


def _become(queue: Queue, *, paused_at: datetime | None, action: str) -> Queue:
    with transaction.atomic():
        queue = _lock(queue)
        if bool(queue.paused_at) == bool(paused_at):
            state = "paused" if paused_at else "active"
            raise errors.InvalidState(
                f"this queue is {state} already", state=state, allowed_actions=allowed_actions(queue)
            )
        changes = {"paused_at": [_text(queue.paused_at), _text(paused_at)]}
        queue.paused_at = paused_at
        queue.save(update_fields=["paused_at"])
        audit.record(action=action, object_type="queue", object_id=queue.pk, tenant=None, changes=changes)
        dispatch.ring_after_commit()
    return queue


def _lock(queue: Queue) -> Queue:
    return Queue.objects.select_for_update(no_key=True).get(pk=queue.pk)


def _limits(queue: Queue) -> dict[str, object]:
    return {name: getattr(queue, name) for name in _LIMITS}


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
