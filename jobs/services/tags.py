"""What users ask of tags: hold everything that carries one, and let it go on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from jobs import errors, sql
from jobs.engine import dispatch
from jobs.models import JobTag, Tag
from jobs.services import changes
from tenants import actors
from tenants.services import audit

LONGEST = timedelta(days=366)


def allowed_actions(tag: Tag, now: datetime) -> list[str]:
    """What may be asked of it."""
    return ["pause", "resume"] if tag.is_paused(now) else ["pause"]


def pause(*, tag: Tag, reason: str, until: datetime | None = None) -> Tag:
    """Start nothing more of its jobs until then, or until it is resumed; one that is paused gets another reason and end."""
    _require(tag)
    with transaction.atomic():
        tag = _lock(tag)
        now = sql.run("clock")[0].now
        _check(reason, until, now)
        before = _told(tag, now)
        if not tag.is_paused(now):
            tag.paused_at = now
        tag.reason, tag.until, tag.paused_by = reason, until, actors.current().name
        tag.save(update_fields=["reason", "until", "paused_by", "paused_at"])
        _record("tag.paused", tag, changes.between(before, _told(tag, now)), reason=reason)
        _look_again(tag)
    return tag


def resume(*, tag: Tag) -> Tag:
    """Let its jobs go on; their schedules' misfire policy decides about the slots in between."""
    _require(tag)
    with transaction.atomic():
        tag = _lock(tag)
        now = sql.run("clock")[0].now
        if not tag.is_paused(now):
            message = f"the tag {tag.tag!r} is not paused, so it cannot be resumed"
            raise errors.InvalidState(message, state="active", allowed_actions=allowed_actions(tag, now))
        before, tag.until = _told(tag, now), now
        tag.save(update_fields=["until"])
        _record("tag.resumed", tag, changes.between(before, _told(tag, now)))
        _look_again(tag)
    return tag


def taken_off(*, tenant_id: UUID, job_id: UUID, tags: Collection[str]) -> None:
    """A job has lost these tags: if one of them held it, it is looked at again."""
    if tags and Tag.objects.filter(tenant=tenant_id, tag__in=tags, paused_at__isnull=False).exists():
        sql.run("look_again_of_jobs", jobs=[job_id])


def _require(tag: Tag) -> None:
    # Who may change own jobs alone may hold nobody else's.
    actors.require("jobs:write", tenant=tag.tenant_id, owner="")


def _lock(tag: Tag) -> Tag:
    return Tag.objects.select_for_update(no_key=True).select_related("tenant").get(pk=tag.pk)


def _check(reason: str, until: datetime | None, now: datetime) -> None:
    if not reason.strip():
        raise errors.invalid({"reason": ["must say what it is for: everybody whose work waits reads it"]})
    if until is not None and not now < until <= now + LONGEST:
        raise errors.invalid({"until": [f"must be later than now, by at most {LONGEST.days} days"]})


def _look_again(tag: Tag) -> None:
    """Schedules that were put off until its end, and what is parked."""
    carried = JobTag.objects.filter(tenant=tag.tenant_id, tag=tag.tag).values_list("job_id", flat=True)
    sql.run("look_again_of_jobs", jobs=list(carried))
    dispatch.ring_after_commit()


def _told(tag: Tag, now: datetime) -> dict[str, Any]:
    paused = tag.is_paused(now)
    until = DjangoJSONEncoder().default(tag.until) if paused and tag.until else None
    return {"paused": paused, "reason": tag.reason if paused else "", "until": until}


def _record(action: str, tag: Tag, changed: dict[str, Any], reason: str = "") -> None:
    told = {"tag": [tag.tag, tag.tag]} | changed
    audit.record(action=action, object_type="tag", object_id=tag.pk, tenant=tag.tenant, changes=told, reason=reason)
