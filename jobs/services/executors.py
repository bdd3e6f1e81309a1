"""Executors: registered by themselves, switched on and off by people.

    register ─► active ──deactivate──► inactive ──activate──► active        what it holds goes on: it drains

A process that registers under a name speaks for it from then on, until another one does; the lease it is given is the
worker of what it claims. What its predecessor held is found lost and runs again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from jobs import errors, sql
from jobs.engine import dispatch, transitions
from jobs.engine.records import Fence
from jobs.models import Execution, Executor, ExecutorState, Queue
from jobs.models.queue import Pool
from jobs.rules import matching
from jobs.rules.states import State
from jobs.services import changes
from tenants import actors
from tenants.errors import NotFound, ServiceError
from tenants.fields import new_id
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.rules import grants, permissions
from tenants.services import audit

SERVE = permissions.EXECUTORS
MANAGE = "jobs:write"
MOST_EXECUTORS = 500
MOST_QUEUES = 20
MOST_CONCURRENT = 1000


class LeaseTaken(ServiceError):
    """Another process has registered under this executor's name, or it was deleted: stop, and report nothing."""

    code = "LEASE_TAKEN"
    status = 409


class ClaimOver(ServiceError):
    """This claim is over: the execution was cancelled, ran out of time, or belongs to another by now. Stop, and report nothing."""

    code = "CLAIM_OVER"
    status = 409


class ExecutorFields(TypedDict, total=False):
    """What a process says of itself when it registers; its name is for ever."""

    description: str
    capabilities: Sequence[str]
    queues: Sequence[str]
    max_concurrent: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What an executor is told with its heartbeat: what to cancel, and what is no longer its own."""

    executor: Executor
    cancel: list[UUID]
    stop: list[UUID]


def register(*, tenant: Tenant, name: str, instance: str, fields: ExecutorFields) -> tuple[Executor, bool]:
    """The executor of that name as it describes itself now, and whether it is new. ``instance`` is a process of it:
    the same one may register again and keeps its lease; another one takes it over.
    """
    actors.require(SERVE, tenant=tenant)
    _check(tenant, name, fields)
    with transaction.atomic():
        executor = Executor.objects.select_for_update(no_key=True).filter(tenant=tenant, name=name).first()
        made = executor is None
        if executor is None:
            executor = _new(tenant, name)
        before = {} if made else told(executor)
        for field, value in fields.items():
            setattr(executor, field, value)
        _take_lease(executor, instance)
        _store(executor, made=made)
        if changed := changes.between(before, {"name": name, **told(executor)} if made else told(executor)):
            _record("executor.registered" if made else "executor.updated", executor, changed)
        _renew(executor)
        dispatch.ring_after_commit()
    return executor, made


def beat(
    *, executor: Executor, lease: UUID, holding: Collection[UUID] | None = None, draining: bool | None = None
) -> Beat:
    """Its process lives, and so does what it holds. ``holding`` is what it knows of: anything else that it was given
    did not reach it, and goes back unpunished.
    """
    actors.require(SERVE, tenant=executor.tenant_id)
    with transaction.atomic():
        executor = _lock(executor, lease)
        if draining is not None:
            executor.draining = draining
        lapsed = not executor.is_live(timezone.now())
        _renew(executor)
        held = sql.run("held_by", lease_id=lease)
        if holding is not None:
            _give_back([row for row in held if row.settled and row.id not in holding])
        if lapsed or draining is not None:
            dispatch.ring_after_commit()
    mine = {row.id for row in held}
    return Beat(executor, [row.id for row in held if row.cancelled], sorted(set(holding or ()) - mine))


def leave(*, executor: Executor, lease: UUID) -> Executor:
    """Its process ends: what it still holds is given back at once, unpunished."""
    actors.require(SERVE, tenant=executor.tenant_id)
    with transaction.atomic():
        executor = _lock(executor, lease)
        _give_back(sql.run("held_by", lease_id=lease))
        executor.lease_id, executor.lease_expires_at = None, None
        executor.save(update_fields=["lease_id", "lease_expires_at"])
        dispatch.ring_after_commit()
    return executor


def activate(*, executor: Executor) -> Executor:
    """Give it work again."""
    return _become(executor, ExecutorState.ACTIVE)


def deactivate(*, executor: Executor) -> Executor:
    """Give it nothing new; what it holds goes on, so it drains. It stays so however often it registers."""
    return _become(executor, ExecutorState.INACTIVE)


def delete(*, executor: Executor) -> None:
    """Forget one that holds nothing. A process of it that still lives is refused from now on, until it registers again."""
    actors.require(MANAGE, tenant=executor.tenant_id, owner="")
    with transaction.atomic():
        executor = _lock(executor)
        if executor.lease_id and Execution.objects.filter(worker_id=executor.lease_id, state=State.RUNNING).exists():
            message = "this executor holds executions: deactivate it and wait for them, or cancel them"
            raise _refused(executor, message)
        pk = executor.pk
        executor.delete()
        executor.pk = pk  # Django forgets it, and the trail does not
        _record("executor.deleted", executor, {"name": [executor.name, None]})


def _lock(executor: Executor, lease: UUID | None = None) -> Executor:
    """The executor as it is stored now, for the length of the transaction; of that lease, if one is given."""
    found = Executor.objects.select_for_update(no_key=True).filter(pk=executor.pk).first()
    if found is None:
        raise NotFound("this executor was deleted meanwhile")
    if lease is not None and found.lease_id != lease:
        raise LeaseTaken
    return found


def allowed_actions(executor: Executor) -> list[str]:
    """What may be asked of it as it stands."""
    return ["deactivate"] if executor.state == ExecutorState.ACTIVE else ["activate"]


def told(executor: Executor) -> dict[str, Any]:
    """All that it says of itself."""
    return {
        "description": executor.description,
        "capabilities": sorted(executor.capabilities),
        "queues": sorted(executor.queues),
        "max_concurrent": executor.max_concurrent,
    }


def _become(executor: Executor, state: ExecutorState) -> Executor:
    actors.require(MANAGE, tenant=executor.tenant_id, owner="")
    with transaction.atomic():
        executor = _lock(executor)
        if executor.state == state:
            raise _refused(executor, f"this executor is {state} already")
        changed = {"state": [executor.state, str(state)]}
        executor.state = state
        executor.save(update_fields=["state"])
        _record("executor.activated" if state == ExecutorState.ACTIVE else "executor.deactivated", executor, changed)
        dispatch.ring_after_commit()
    return executor


def _refused(executor: Executor, message: str) -> errors.InvalidState:
    return errors.InvalidState(message, state=executor.state, allowed_actions=allowed_actions(executor))


def _check(tenant: Tenant, name: str, fields: ExecutorFields) -> None:
    refused: dict[str, list[str]] = {}
    if not name.strip() or not name.isprintable() or "/" in name or "{{" in name:
        refused["name"] = ["must be printable, without / and braces, such as eu-gpu-1"]
    if wrong := [each for each in fields.get("capabilities", ()) if not matching.CAPABILITY.fullmatch(each)]:
        refused["capabilities"] = [f"{wrong[0][:64]!r} {matching.CAPABILITY_MESSAGE}"]
    for queue in fields.get("queues", ()):
        if message := _of_queue(tenant, queue):
            refused["queues"] = [message]
    if refused:
        raise errors.invalid(refused)


def _of_queue(tenant: Tenant, name: str) -> str:
    """What stands against claiming there."""
    queue = Queue.objects.filter(pk=name).first() if "\0" not in name else None
    if queue is None:
        return f"there is no queue named {name!r}: see /queues"
    if queue.pool != Pool.EXTERNAL:
        return f"{name} is worked by workers: executors claim on queues whose pool is external"
    return grants.refusal(name, tenant.allowed_queues)


def _new(tenant: Tenant, name: str) -> Executor:
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # two may want the last place
    used = Executor.objects.filter(tenant=tenant).count()
    if used >= MOST_EXECUTORS:
        message = f"a tenant has at most {MOST_EXECUTORS} executors: delete those that are gone"
        raise QuotaExceeded("executors", message, limit=MOST_EXECUTORS, used=used)
    return Executor(tenant=tenant, name=name, created_by=actors.current().name)


def _take_lease(executor: Executor, instance: str) -> None:
    lease = uuid5(executor.pk, instance) if instance else new_id()
    if executor.lease_id != lease:
        executor.lease_id, executor.started_at, executor.draining = lease, timezone.now(), False


def _store(executor: Executor, *, made: bool) -> None:
    try:
        with transaction.atomic():
            executor.save(force_insert=made, force_update=not made)
    except IntegrityError as error:
        if "executor_name_once" not in str(error):
            raise
        raise errors.Conflict("an executor of this name has registered at this very moment: try again") from None


def _renew(executor: Executor) -> None:
    """By the database's clock, which is what the lease is compared with."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE executor SET renewed_at = now, lease_expires_at = now + make_interval(secs => %s), draining = %s
               FROM (SELECT clock_timestamp() AS now OFFSET 0) clock WHERE id = %s RETURNING renewed_at, lease_expires_at""",
            [settings.LEASE.total_seconds(), executor.draining, executor.pk],
        )
        executor.renewed_at, executor.lease_expires_at = cursor.fetchone()


def _give_back(rows: Collection[Any]) -> None:
    for row in rows:
        transitions.release(Fence(id=row.id, attempt_id=row.attempt_id, epoch=row.epoch))


def _record(action: str, executor: Executor, changed: dict[str, Any]) -> None:
    audit.record(action=action, object_type="executor", object_id=executor.pk, tenant=executor.tenant, changes=changed)
