"""Holding a queue of the platform and letting it go. For operators: the callers' right is checked at the edge."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from jobs import errors
from jobs.engine import dispatch
from jobs.models import Queue
from tenants.services import audit


def pause(*, queue: Queue) -> Queue:
    """Admit nothing to it any more; what is published or running goes on."""
    return _become(queue, paused_at=timezone.now(), action="queue.paused")


def resume(*, queue: Queue) -> Queue:
    """Go on."""
    return _become(queue, paused_at=None, action="queue.resumed")


def allowed_actions(queue: Queue) -> list[str]:
    """What an operator may ask of it."""
    return ["resume"] if queue.paused_at else ["pause"]


def _become(queue: Queue, *, paused_at: datetime | None, action: str) -> Queue:
    with transaction.atomic():
        queue = Queue.objects.select_for_update(no_key=True).get(pk=queue.pk)
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


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
