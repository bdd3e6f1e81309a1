"""Whether who asked a while ago may still be answered: for answers that go on, such as live streams."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from tenants import context, errors, known_keys, standing
from tenants.models import ApiKey
from tenants.requests import Actor
from tenants.services import logins


class Changed(errors.Unauthenticated):
    """What you may do has changed: ask again."""


def refusals(actors: Collection[Actor], now: datetime) -> dict[Actor, errors.ServiceError]:
    """Those of ``actors`` who may not do any more what they could, each with what to say."""
    with context.within(context.PLATFORM), transaction.atomic():
        keys = [actor for actor in actors if actor.session is None]
        ids = [actor.name.removeprefix("key:") for actor in keys]
        rows = {row.key_id: row for row in ApiKey.objects.select_related("tenant").filter(key_id__in=ids)}
        found = [(actor, _of_key(actor, rows.get(key_id), now)) for actor, key_id in zip(keys, ids, strict=True)]
    found += [(actor, _of_person(actor)) for actor in actors if actor.session is not None]
    return {actor: error for actor, error in found if error is not None}


def _of_key(actor: Actor, row: ApiKey | None, now: datetime) -> errors.ServiceError | None:
    if row is None:
        return Changed()
    try:
        known_keys.refuse_dead(row, now)
    except errors.ServiceError as error:
        return error
    return None if known_keys.granted_to(row) == actor.granted else Changed()


def _of_person(actor: Actor) -> errors.ServiceError | None:
    try:
        with context.within(context.NOBODY), transaction.atomic():
            session = logins.by_id(str(actor.session))
            again = standing.by_session(session, actor.tenant.slug if actor.tenant else None)
    except errors.ServiceError as error:
        return error
    return None if again.granted == actor.granted else Changed()
