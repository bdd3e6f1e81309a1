"""The platform's queues: making, changing and deleting them. For operators.

Holding one and slowing it down is in :mod:`jobs.services.queue_states`.
"""

from __future__ import annotations

from typing import TypedDict

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from jobs import errors, sql
from jobs.engine import bystanders, dispatch
from jobs.models import Job, JobState, Queue, Worker
from jobs.rules.states import TERMINAL, State
from jobs.services import changes, definitions, queue_states
from tenants import actors, context
from tenants.rules import permissions
from tenants.services import audit

#: Who uses a queue is asked of every tenant, and the trail of its changes is the platform's.
#: Where jobs go that name no queue.
DEFAULT = "default"
_UNFINISHED = sorted(set(State) - TERMINAL)


class QueueFields(TypedDict, total=False):
    """What an operator may say of a queue; what is left out has the model's default, or stays. Its name is for ever."""

    pool: str
    batch_size: int
    ageing_seconds: int | None
    max_running: int | None
    rate_limit: str
    rate_burst: int | None


def create(*, name: str, fields: QueueFields) -> Queue:
    """A new queue, active. Nothing runs there before a worker of its pool consumes ``jobs.<name>``."""
    actors.require(permissions.PLATFORM)
    queue = Queue(name=name, **fields)
    definitions.check_columns(queue, exclude=set())
    with context.within(context.PLATFORM), transaction.atomic():
        _insert(queue)
        _refuse_other_pools(queue)
        _record("queue.created", queue, changes.between({}, {"name": name, **told(queue)}))
        dispatch.ring_after_commit()
    return queue


def update(*, queue: Queue, fields: QueueFields) -> Queue:
    """Store what is changed, for the next admission on. Nothing in flight is stopped by a lowered limit."""
    with context.within(context.PLATFORM), transaction.atomic():
        queue = queue_states.lock(queue, wholly="pool" in fields)
        before = told(queue)
        for name, value in fields.items():
            setattr(queue, name, value)
        definitions.check_columns(queue, exclude=set())
        changed = changes.between(before, told(queue))
        if "pool" in changed:
            _refuse_used(queue, "its pool cannot change")
            _refuse_other_pools(queue)
        if changed:
            queue.save(update_fields=list(changed))
            _record("queue.updated", queue, changed)
            dispatch.ring_after_commit()
    return queue


def delete(*, queue: Queue) -> None:
    """Delete what nobody uses. What ended there still tells its name; deleted jobs, kept for ever, refer to default."""
    actors.require(permissions.PLATFORM)
    if queue.pk == DEFAULT:
        raise _refused(queue, "default is where jobs go that name no queue, so it stays: pause it instead")
    with context.within(context.PLATFORM), transaction.atomic():
        queue = queue_states.lock(queue, wholly=True)
        _refuse_used(queue, "it cannot be deleted")
        Job.objects.filter(queue=queue, state=JobState.DELETED).update(queue=DEFAULT)
        # The model's delete() would look for executions, and those that ended may well refer to it.
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM queue WHERE name = %s", [queue.pk])
        _record(
            "queue.deleted", queue, {name: [value, None] for name, value in {"name": queue.pk, **told(queue)}.items()}
        )


def told(queue: Queue) -> QueueFields:
    """All that an operator may say of a queue, as it is now."""
    return QueueFields(
        pool=queue.pool,
        batch_size=queue.batch_size,
        ageing_seconds=queue.ageing_seconds,
        max_running=queue.max_running,
        rate_limit=queue.rate_limit,
        rate_burst=queue.rate_burst,
    )


def _insert(queue: Queue) -> None:
    try:
        with transaction.atomic():
            queue.save(force_insert=True)
    except IntegrityError as error:
        if "queue_pkey" not in str(error):
            raise
        message = f"a queue named {queue.pk!r} exists already: choose another name or change that queue"
        raise errors.Conflict.about("name", message) from None


def _refuse_used(queue: Queue, so: str) -> None:
    _refuse_users(queue, so)
    if not bystanders.are_gone():
        raise _refused(queue, f"what began earlier may still start something here, so {so}: try again in a moment")
    _refuse_users(queue, so)  # what they have made


def _refuse_users(queue: Queue, so: str) -> None:
    if count := Job.objects.filter(queue=queue).exclude(state=JobState.DELETED).count():
        jobs = "a job uses" if count == 1 else f"{count} jobs use"
        raise _refused(
            queue, f"{jobs} this queue, so {so}: move {'it' if count == 1 else 'them'} to another queue first"
        )
    if sql.run("queue_is_busy", queue=queue.pk, states=_UNFINISHED)[0].busy:
        raise _refused(queue, f"executions in this queue have not ended, so {so}: wait for them or cancel them")


def _refuse_other_pools(queue: Queue) -> None:
    """A worker of another pool would take messages it must refuse."""
    live = Worker.objects.filter(queues__contains=[queue.pk], lease_expires_at__gt=Now())
    serving = live.exclude(pool=queue.pool)
    if names := sorted(serving.values_list("name", flat=True)[:3]):
        message = f"{', '.join(names)} serves this queue with another pool: stop it first, or choose its pool"
        raise errors.invalid({"pool": [message]})


def _refused(queue: Queue, message: str) -> errors.InvalidState:
    state = "paused" if queue.paused_at else "active"
    return errors.InvalidState(message, state=state, allowed_actions=queue_states.allowed_actions(queue))


def _record(action: str, queue: Queue, changed: dict[str, object]) -> None:
    audit.record(action=action, object_type="queue", object_id=queue.pk, tenant=None, changes=changed)
