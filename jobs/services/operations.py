"""Long work over many executions: asked for once, looked at, held, slowed down and ended by people, done by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from jobs import errors, selectors, sql
from jobs.engine import dispatch, paced, selection
from jobs.engine import operations as engine
from jobs.models import Execution, Operation
from jobs.rules import background
from jobs.rules import operations as rules
from jobs.rules.operations import Event, State
from jobs.services import asked_canaries, changes, definitions, reasons
from jobs.services.operation_kinds import OVER_EXECUTIONS
from tenants import actors, requests
from tenants.fields import new_id
from tenants.models import Tenant
from tenants.services import audit

#: Executions that may be named one by one, and that are counted before it is made.
MOST_IDS, MOST_COUNTED = 1000, 10_000
#: Pages that are looked at to count; beyond, the count is what was found by then.
MOST_PAGES = 20
SAMPLE = 5
#: Of a tenant, at once.
MOST_UNFINISHED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operation is about: ``conditions`` for ``filter()``, as ``asked`` says them; or ``ids`` alone."""

    conditions: Mapping[str, Any]
    asked: Mapping[str, Any] | None = None
    ids: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """How many executions match now, counted up to a bound, and the first of them."""

    matched: int
    is_capped: bool
    sample: list[Execution]


def preview(*, tenant: Tenant, kind: str, wanted: Wanted) -> Preview:
    """What an operation would be about; nothing is stored."""
    actors.require(engine.PERMISSION, tenant=tenant)
    operation = _made(tenant, kind, wanted)
    found, is_capped = _count(operation)
    sample = selectors.executions().filter(tenant=tenant, pk__in=found[:SAMPLE]).order_by("pk")
    return Preview(len(found), is_capped, list(sample))


def create(
    *,
    tenant: Tenant,
    kind: str,
    wanted: Wanted,
    reason: str,
    rate_per_second: float | None = None,
    payload: Mapping[str, Any] | None = None,
    canary: int | None = None,
    canary_must_succeed: int | None = None,
    with_downstream: bool = False,
) -> Operation:
    """Have the engine do this to each of them. One that is about nothing has succeeded at once. ``canary``: to so many first,
    and to the rest only when all of those, or ``canary_must_succeed``, have succeeded. ``with_downstream``: what runs again starts
    the jobs that depend on it, too."""
    actors.require(engine.PERMISSION, tenant=tenant)
    operation = _made(tenant, kind, wanted)
    operation.canary = asked_canaries.wanted(kind, canary, canary_must_succeed)
    operation.with_downstream = _with_downstream(kind, with_downstream)
    operation.rate_per_second = _rate(rules.USUAL if rate_per_second is None else rate_per_second)
    operation.payload, operation.reason = payload or None, reason
    with transaction.atomic():
        found, operation.matched_is_capped = _count(operation)
        operation.matched = len(found) if wanted.ids is None else len(wanted.ids)
        return begin(operation=operation)


def begin(*, operation: Operation) -> Operation:
    """Store one of :func:`blank` whose author has given a payload and a reason, and what it is about."""
    actors.require(engine.PERMISSION, tenant=operation.tenant_id)
    definitions.check_size(operation.payload or {}, "payload")
    operation.reason = reasons.required(operation.reason)
    with transaction.atomic():
        _refuse_too_many(operation.tenant)
        if not operation.matched and not operation.matched_is_capped:
            operation.state, operation.finished_at = State.SUCCEEDED, operation.created_at
        operation.save(force_insert=True)
        record("operation.created", operation, changes.between({}, _told(operation)))
        dispatch.ring_after_commit()
    return operation


def pause(*, operation: Operation) -> Operation:
    """Take no further step of it until it is resumed."""
    return _apply(Event.PAUSE, operation)


def resume(*, operation: Operation) -> Operation:
    """Go on where it was."""
    return _apply(Event.RESUME, operation)


def cancel(*, operation: Operation, cancel_running: bool = False) -> Operation:
    """End it. What it has not come to is left as it is; what was to run at its pace and no worker has taken is skipped, step
    by step, and what runs goes on, unless ``cancel_running``."""
    with transaction.atomic():
        operation = lock(operation)
        _refuse_unless_possible(Event.CANCEL, operation)
        if cancel_running:
            _stop_running(operation)
        engine.end(operation, Event.CANCEL, sql.run("clock")[0].now)
        dispatch.ring_after_commit()
    return operation


def change_pace(
    *, operation: Operation, rate_per_second: float | None = None, max_active: int | None = None
) -> Operation:
    """Go slower or faster from the next step on, or with fewer or more executions in flight from now on."""
    with transaction.atomic():
        operation = lock(operation)
        wanted = _pace(operation, rate_per_second, max_active)
        refuse_ended(operation)
        before = {name: getattr(operation, name) for name in wanted}
        for name, value in wanted.items():
            setattr(operation, name, value)
        operation.paced_at = sql.run("clock")[0].now
        operation.save(update_fields=[*wanted, "paced_at"])
        if changed := changes.between(before, wanted):
            record("operation.updated", operation, changed)
        dispatch.ring_after_commit()
    return operation


def _pace(operation: Operation, rate: float | None, max_active: int | None) -> dict[str, Any]:
    if rate is None and max_active is None:
        raise errors.invalid({"rate_per_second": ["give rate_per_second, max_active, or both"]})
    if max_active is not None and operation.max_active is None:
        raise errors.invalid(
            {"max_active": [f"is for operations that pace executions, and this is a {operation.kind}"]}
        )
    if rate is not None and operation.kind == rules.RECOVERY:
        raise errors.invalid({"rate_per_second": ["a recovery keeps to max_active"]})
    if max_active is not None and not 1 <= max_active <= background.MOST_ACTIVE:
        message = f"must be from 1 to {background.MOST_ACTIVE}; to let nothing start, pause the operation"
        raise errors.invalid({"max_active": [message]})
    wanted = {"rate_per_second": None if rate is None else _rate(rate), "max_active": max_active}
    return {name: value for name, value in wanted.items() if value is not None}


def refuse_ended(operation: Operation) -> None:
    """Of what has ended, nothing can be asked any more."""
    state = State(operation.state)
    if state in rules.TERMINAL:
        raise errors.InvalidState(f"this operation has ended: it is {state}", state=state, allowed_actions=[])


def _stop_running(operation: Operation) -> None:
    """What runs now; the engine asks what was being claimed meanwhile."""
    if operation.max_active is None:
        message = f"is for operations that pace executions, and this is a {operation.kind}"
        raise errors.invalid({"cancel_running": [message]})
    operation.conditions = {**operation.conditions, paced.STOP: True}
    operation.save(update_fields=["conditions"])
    paced.ask_to_stop(operation)


def _apply(event: Event, operation: Operation) -> Operation:
    with transaction.atomic():
        operation = lock(operation)
        _refuse_unless_possible(event, operation)
        before, now = State(operation.state), sql.run("clock")[0].now
        operation.state = rules.after(before, event) or before
        changed: dict[str, Any] = {"state": [before, operation.state]}
        if event is Event.RESUME:
            changed |= asked_canaries.overrule(operation)
        # What was not done while it was held is not caught up with.
        operation.paused_at, operation.next_step_at = (now if event is Event.PAUSE else None), now
        operation.paced_at = now
        operation.save(update_fields=["state", "paused_at", "next_step_at", "paced_at", "canary"])
        record(f"operation.{event}d", operation, changed)
        dispatch.ring_after_commit()
    return operation


def _refuse_unless_possible(event: Event, operation: Operation) -> None:
    state = State(operation.state)
    if rules.after(state, event) is None:
        message = f"{event} is not possible: this operation is {state}"
        raise errors.InvalidState(message, state=state, allowed_actions=rules.allowed_actions(state, operation.kind))


def lock(operation: Operation) -> Operation:
    """As it is stored now, until this transaction ends; whoever acts may run executions."""
    actors.require(engine.PERMISSION, tenant=operation.tenant_id)
    rows = Operation.objects.select_related("tenant").select_for_update(of=("self",), no_key=True)
    return rows.get(pk=operation.pk)


def blank(*, tenant: Tenant, kind: str, conditions: Mapping[str, Any], **about: Any) -> Operation:
    """A row that is not stored yet, of who acts now."""
    actors.require(engine.PERMISSION, tenant=tenant)
    now = sql.run("clock")[0].now
    return Operation(
        id=new_id(), tenant=tenant, kind=kind, conditions=_stored(conditions), created_at=now, next_step_at=now,
        created_by=actors.current().name, granted=actors.current().listed(), request_id=requests.current().request_id, **about,
    )  # fmt: skip


def _made(tenant: Tenant, kind: str, wanted: Wanted) -> Operation:
    if wanted.ids is not None and not 0 < len(wanted.ids) <= MOST_IDS:
        raise errors.invalid({"ids": [f"must name from 1 to {MOST_IDS} executions"]})
    _refuse_unfit_states(kind, wanted)
    ids = None if wanted.ids is None else [str(key) for key in sorted(set(wanted.ids), key=lambda key: key.int)]
    asked = None if wanted.asked is None else dict(wanted.asked)
    return blank(tenant=tenant, kind=kind, conditions=wanted.conditions, filter=asked, ids=ids)


def _stored(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """As they come back from the database: ids and instants as texts, which ``filter()`` takes as well."""
    return {name: _text(value) for name, value in conditions.items()}


def _text(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset | QuerySet):
        return [_text(each) for each in value]
    if isinstance(value, Q):
        return selection.written(value, _text)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _refuse_unfit_states(kind: str, wanted: Wanted) -> None:
    fit = [str(state) for state in OVER_EXECUTIONS[kind].states]
    if unfit := sorted(set(wanted.conditions.get("state__in", fit)) - set(fit)):
        message = f"{kind} is for executions in state {', '.join(fit)}; leave {', '.join(unfit)} out"
        raise errors.invalid({"filter.state": [message]})


def _count(operation: Operation) -> tuple[list[UUID], bool]:
    """Those it is about, up to a bound; whether there may be more."""
    selected = engine.selected(operation, OVER_EXECUTIONS[operation.kind])
    found: list[UUID] = []
    after: UUID | None = None
    for _ in range(MOST_PAGES):
        page = selection.page(selected, after=after, size=MOST_COUNTED - len(found))
        found += page.ids
        if page.exhausted or len(found) >= MOST_COUNTED:
            return found, not page.exhausted
        after = page.cursor
    return found, True


def _refuse_too_many(tenant: Tenant) -> None:
    unfinished = Operation.objects.filter(tenant=tenant, finished_at__isnull=True).order_by()[:MOST_UNFINISHED].count()
    if unfinished >= MOST_UNFINISHED:
        raise errors.Conflict(f"{MOST_UNFINISHED} operations have not ended yet: wait for one, or cancel one")


def _with_downstream(kind: str, wanted: bool) -> bool:
    if wanted and not OVER_EXECUTIONS[kind].runs_again:
        raise errors.invalid({"with_downstream": [f"is for what runs again, and this is a {kind}"]})
    return wanted


def _rate(rate: float) -> float:
    if not rules.SLOWEST <= rate <= rules.FASTEST:
        raise errors.invalid({"rate_per_second": [f"must be from {rules.SLOWEST:g} to {rules.FASTEST:g}"]})
    return rate


def _told(operation: Operation) -> dict[str, Any]:
    about = {"filter": operation.filter} if operation.ids is None else {"ids": len(operation.ids)}
    counted = {"matched": operation.matched, "rate_per_second": operation.rate_per_second}
    first = {"canary": operation.canary["size"]} if operation.canary else {}
    downstream = {"with_downstream": True} if operation.with_downstream else {}
    return {"kind": operation.kind, **about, **counted, **first, **downstream, "payload": operation.payload}


def record(action: str, operation: Operation, changed: Mapping[str, Any]) -> None:
    """Tell the audit trail."""
    audit.record(
        action=action, object_type="operation", object_id=operation.pk, tenant=operation.tenant, changes=changed,
        reason=operation.reason if action == "operation.created" else "",
    )  # fmt: skip
