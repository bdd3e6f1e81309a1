"""What comes in at a hook's address: proven by its signature, then sent as the event that the hook raises.

One answer for an address that is not known and for a delivery that is not proven. What is refused after the address was
found is kept too, for the hook's owner: it is stored, and only then told to the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from jobs.models import Hook, ReceivedEvent
from jobs.rules import hook_tokens, webhook_signatures
from jobs.rules.webhook_signatures import BadSignature, Scheme
from jobs.services import events, hooks
from jobs.services.events import Event
from tenants import actors, context, errors, limits, requests
from tenants.models import TenantState
from tenants.requests import Actor

_TOUCH_EVERY = timedelta(minutes=1)
_MAY = frozenset({"executions:run"})


class Unproven(errors.Unauthenticated):
    """There is no such hook, or this delivery is not signed with its secret: check its address, its secret and the clock."""


class Disabled(errors.NotFound):
    """This hook is disabled: nothing is taken here until it is enabled."""


def receive(*, token: str, headers: Mapping[str, str], body: bytes, read: Callable[[], Any]) -> ReceivedEvent:
    """Take one delivery. ``headers`` by their names in lower case; ``read`` makes the body's JSON, once it is proven.

    Raises:
        Unproven: also for an address that is not known.
        RateLimited: too many deliveries, or too many that were not proven, from this address.
    """
    limits.refuse_guessing(token)
    problem: errors.ServiceError
    with context.within(context.NOBODY), transaction.atomic():
        hook, now = _found(token), timezone.now()
        if hook is None:
            problem = Unproven()
        else:
            requests.known_as(Actor(f"hook:{hook.name}", _MAY, hook.tenant))
            try:
                named = _proven(hook, headers, body, now)
                limits.found_good(token)
                limits.take_request(Actor(f"hook:{hook.pk}", _MAY, hook.tenant))
                return _sent(hook, _event(hook, headers, named, read()), now)
            except BadSignature as error:
                events.refuse(tenant=hook.tenant, event=_event(hook, {}, "", {}), problem=str(error))
                problem = Unproven()
            except limits.RateLimited:
                raise
            except errors.ServiceError as error:
                events.refuse(tenant=hook.tenant, event=_event(hook, {}, "", {}), problem=str(error))
                problem = error
    if isinstance(problem, Unproven):
        limits.take_failure()
    raise problem


def _found(token: str) -> Hook | None:
    """The hook of a token, with its tenant in scope. That is not known yet, so a definer's function looks."""
    digest = hook_tokens.digest(token, settings.SECRET_KEY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, id FROM carillon_find_hook(%s)", [digest or b""])
        row = cursor.fetchone()
    if row is None:
        return None
    context.enter(context.Scope(tenant_id=row[0]))
    return Hook.objects.defer(None).select_related("tenant").filter(pk=row[1]).first()


def _proven(hook: Hook, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The delivery's id."""
    scheme = Scheme(hook.scheme)
    return webhook_signatures.verify(scheme, hooks.good_secrets(hook, now), headers, body, now)


def _sent(hook: Hook, event: Event, now: datetime) -> ReceivedEvent:
    if hook.tenant.state != TenantState.ACTIVE:
        raise errors.TenantSuspended(hook.tenant.suspension_reason)
    if not hook.enabled:
        raise Disabled
    actors.require("executions:run", tenant=hook.tenant)
    _touch(hook, now)
    return events.send(tenant=hook.tenant, event=event)


def _event(hook: Hook, headers: Mapping[str, str], named: str, payload: Any) -> Event:
    if not isinstance(payload, dict):
        raise errors.invalid({"payload": ["must be a JSON object"]})
    told = {name.replace("-", "_"): headers[name][:500] for name in hook.headers if name in headers}
    return Event(name=hook.event, payload=payload, dedup_key=named, headers=told, hook_id=hook.pk)


def _touch(hook: Hook, now: datetime) -> None:
    if hook.last_received_at is not None and now - hook.last_received_at <= _TOUCH_EVERY:
        return
    # Whoever else holds the row notes the same, or is changing it: nobody waits for it.
    if Hook.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=hook.pk).first():
        Hook.objects.filter(pk=hook.pk).update(last_received_at=now)
