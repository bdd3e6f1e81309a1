"""Holding a queue of the platform, slowing it down, and letting it go. For the platform's operators.

active ──pause──► paused ──resume──► active        what is published is taken back, what runs goes on: it drains
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from jobs import errors
from jobs.engine import dispatch
from jobs.models import Queue
from tenants import actors, context
from tenants.errors import NotFound
from tenants.rules import permissions
from tenants.services import audit, throttles

#: A queue is no tenant's, nor is the trail of its changes.


def allowed_actions(queue: Queue) -> list[str]:
    """What an operator may ask of it, beside slowing it down, changing and deleting it."""
    return ["resume"] if queue.paused_at else ["pause"]


def pause(*, queue: Queue) -> Queue:
    """Nothing more of it starts: the engine takes back what is published. What runs goes on, so the queue drains."""
    return _become(queue, paused_at=timezone.now(), action="queue.paused")


def resume(*, queue: Queue) -> Queue:
    """Go on."""
    return _become(queue, paused_at=None, action="queue.resumed")


def throttle(*, queue: Queue, max_running: int, until: datetime) -> Queue:
    """Let at most ``max_running`` of it be in flight until then."""
    with context.within(context.PLATFORM), transaction.atomic():
        queue = lock(queue)
        throttles.throttle(queue, tenant=None, max_running=max_running, until=until)
        dispatch.ring_after_commit()
    return queue


def unthrottle(*, queue: Queue) -> Queue:
    """End its throttle before its time; does nothing without one."""
    with context.within(context.PLATFORM), transaction.atomic():
        queue = lock(queue)
        throttles.lift(queue, tenant=None)
        dispatch.ring_after_commit()
    return queue


def lock(queue: Queue, *, wholly: bool = False) -> Queue:
    """The queue as it is stored now, and nobody else changes it before this transaction ends.

    ``wholly``: nor does a job begin to refer to it.
    """
    actors.require(permissions.PLATFORM)
    found = Queue.objects.select_for_update(no_key=not wholly).filter(pk=queue.pk).first()
    if found is None:
        raise NotFound("this queue was deleted meanwhile")
    return found


def hold(name: str) -> str | None:
    """For whoever is about to refer to a queue: its pool, and neither that nor the queue goes before the transaction ends.

    None if there is no such queue. This is what the foreign key takes at the end, taken before the pool is judged.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pool FROM queue WHERE name = %s FOR KEY SHARE", [name])
        found = cursor.fetchone()
    return found[0] if found else None


def _become(queue: Queue, *, paused_at: datetime | None, action: str) -> Queue:
    with context.within(context.PLATFORM), transaction.atomic():
        queue = lock(queue)
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
