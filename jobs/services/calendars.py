"""What users ask of calendars. Whatever is changed of one reaches all that extend it, and the schedules that use any of them.

All calendars of a tenant are changed one after the other, so that what they inherit is resolved from what is stored, and
while nobody changes a schedule: see lock_calendars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from jobs import errors, sql
from jobs.engine import dispatch
from jobs.models import Calendar, CalendarKind, Job
from jobs.rules import calendar_days, calendar_names
from jobs.rules.calendar_days import Entry
from jobs.services import calendar_fields, changes
from jobs.services.calendar_fields import MOST_EXTENDED, CalendarFields
from jobs.services.calendar_room import Room
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.services import audit, tenant_columns

MOST_CALENDARS = 200
MOST_USERS = 20
_SATURDAY_AND_SUNDAY = [5, 6]


class Cycle(errors.Conflict):
    """These calendars would inherit from each other."""

    code = "CYCLE"


def create(*, tenant: Tenant, fields: CalendarFields) -> Calendar:
    """A new calendar."""
    actors.require("jobs:write", tenant=tenant)
    with transaction.atomic():
        known = _hold_all(tenant.pk)
        if len(known) >= MOST_CALENDARS:
            message = f"this tenant has {len(known)} calendars, which is the most: delete some first"
            raise QuotaExceeded("calendars", message, limit=MOST_CALENDARS, used=len(known))
        owner = actors.current().own_jobs_of
        kind = fields.get("kind", CalendarKind.DATES)
        needed = {CalendarKind.HOLIDAYS: "country", CalendarKind.ICAL: "ical"}.get(CalendarKind(kind))
        if needed and not fields.get(needed):
            raise errors.invalid({needed: [f"is required for a calendar of kind {kind}"]})
        calendar = Calendar(tenant=tenant, kind=kind, weekend=_SATURDAY_AND_SUNDAY, owner=owner)
        calendar_fields.assign(calendar, fields)
        _extend(calendar, fields, known)
        calendar_fields.resolve(calendar, known)
        Room(known.values()).take(calendar)
        _insert(calendar)
        _record("calendar.created", calendar, _summed(changes.between({}, _told(calendar, known))))
        # Schedules may name it already, where one of that name was deleted by other means.
        _replan(tenant.pk, [calendar.name])
    return calendar


def update(*, calendar: Calendar, fields: CalendarFields) -> Calendar:
    """Merge changes. Schedules that use it are planned anew from where they had come to; what ran is not run again."""
    with transaction.atomic():
        known, calendar = _hold(calendar)
        before = _told(calendar, known)
        old_days = (calendar.digest, calendar.weekend)
        if fields.get("kind", calendar.kind) != calendar.kind:
            raise errors.invalid({"kind": ["is for ever: make another calendar"]})
        calendar_fields.assign(calendar, fields)
        _extend(calendar, fields, known)
        return _store("calendar.updated", calendar, known, before, old_days)


def delete(*, calendar: Calendar) -> None:
    """Refused while a schedule, a tenant's default or another calendar uses it."""
    with transaction.atomic():
        known, calendar = _hold(calendar)
        _refuse_used(calendar, known)
        pk = calendar.pk
        calendar.delete()
        calendar.pk = pk  # Django forgets it, and the trail does not
        _record("calendar.deleted", calendar, {"name": [calendar.name, None]})


def refresh(*, calendar: Calendar) -> tuple[Calendar, list[Entry], list[Entry]]:
    """Write down its public holidays as the library knows them now. Tells what came and what went."""
    with transaction.atomic():
        known, calendar = _hold(calendar)
        if calendar.kind != CalendarKind.HOLIDAYS:
            message = f"a calendar of kind {calendar.kind} has no source to ask again: import it, or write its dates"
            raise errors.InvalidState(message, state=calendar.kind, allowed_actions=allowed_actions(calendar.kind))
        before, old = _told(calendar, known), calendar_fields.entries(calendar)
        old_days = (calendar.digest, calendar.weekend)
        calendar.source = ""  # ask again
        calendar_fields.assign(calendar, {})
        added, removed = calendar_days.compare(old, calendar_fields.entries(calendar))
        return _store("calendar.refreshed", calendar, known, before, old_days), added, removed


def import_file(*, calendar: Calendar, ical: str) -> Calendar:
    """Its days are those of an iCalendar file from now on."""
    with transaction.atomic():
        known, calendar = _hold(calendar)
        before, old_days = _told(calendar, known), (calendar.digest, calendar.weekend)
        calendar_fields.assign(calendar, {"ical": ical})
        return _store("calendar.imported", calendar, known, before, old_days)


def allowed_actions(kind: str) -> list[str]:
    """What may be asked of one beside changing and deleting it."""
    return {CalendarKind.HOLIDAYS: ["refresh"], CalendarKind.ICAL: ["import"]}.get(CalendarKind(kind), [])


def lock(calendar: Calendar) -> Calendar:
    """As it is stored now; nobody else changes it before this transaction ends."""
    return _hold(calendar)[1]


def names(tenant: Tenant | UUID) -> dict[UUID, str]:
    """Of a tenant's calendars, by id."""
    return dict(Calendar.objects.filter(tenant=tenant).values_list("pk", "name"))


def days(calendar: Calendar, since: date, until: date) -> list[tuple[date, str]]:
    """Its days with what it inherits, both bounds included, with their notes."""
    return calendar_days.read(calendar.days).between(since, until)


def users_of(calendar: Calendar, most: int = MOST_USERS) -> list[Any]:
    """Schedules that name it, the newest first: rows with id, job_id and calendars."""
    return sql.run("schedules_using", tenant_id=calendar.tenant_id, names=[calendar.name], most=most)


def extended_by(calendar: Calendar, known: Iterable[Calendar]) -> list[Calendar]:
    """Those that inherit from it, at once or by others, the nearest first."""
    found, row, near = [], list(known), {str(calendar.pk)}
    while near:
        found += (nearer := [each for each in row if near & set(each.extends) and each not in found])
        near = {str(each.pk) for each in nearer}
    return found


def _store(
    action: str,
    calendar: Calendar,
    known: dict[UUID, Calendar],
    before: dict[str, Any],
    old_days: tuple[str, list[int]],
) -> Calendar:
    after = _told(calendar, known)
    changed = changes.between(before, after)
    if not changed and action == "calendar.updated":
        return calendar
    room = Room(known.values())
    calendar_fields.resolve(calendar, known)
    room.take(calendar)
    _save(calendar)
    touched = [calendar.name] if old_days != (calendar.digest, calendar.weekend) else []
    for other in _in_order(extended_by(calendar, known.values())):
        if calendar_fields.resolve(other, known):
            room.take(other)
            _save(other)
            touched.append(other.name)
    if "name" in changed:
        _rename(calendar, *changed["name"])
    if action != "calendar.updated":  # that a source was asked is told also where it said the same
        changed.setdefault("dates", [before["dates"], after["dates"]])
    _record(action, calendar, _summed(changed))
    _replan(calendar.tenant_id, touched)
    return calendar


def _in_order(row: list[Calendar]) -> list[Calendar]:
    """Each after all that it extends."""
    ordered: list[Calendar] = []
    while len(ordered) < len(row):
        left = {str(each.pk) for each in row if each not in ordered}
        ordered += [each for each in row if each not in ordered and not left & set(each.extends)]
    return ordered


def _extend(calendar: Calendar, fields: CalendarFields, known: Mapping[UUID, Calendar]) -> None:
    if "extends" not in fields:
        return
    by_name = {each.name: each for each in known.values() if each.pk != calendar.pk} | {calendar.name: calendar}
    if len(fields["extends"]) > MOST_EXTENDED:
        raise errors.invalid({"extends": [f"names at most {MOST_EXTENDED} calendars"]})
    chosen: list[str] = []
    for index, name in enumerate(fields["extends"]):
        if name not in by_name:
            raise errors.invalid({f"extends[{index}]": [f"there is no calendar named {name!r}"]})
        if (path := _path(by_name[name], calendar, known)) is not None:
            cycle = " → ".join([calendar.name, *path])
            raise Cycle.about(f"extends[{index}]", f"calendars would inherit from each other: {cycle}")
        chosen.append(str(by_name[name].pk))
    calendar.extends = list(dict.fromkeys(chosen))


def _path(start: Calendar, goal: Calendar, known: Mapping[UUID, Calendar]) -> list[str] | None:
    """Names from one to another along what they extend, or None."""
    if start.pk == goal.pk:
        return [goal.name]
    for other in start.extends:
        if UUID(other) in known and (rest := _path(known[UUID(other)], goal, known)) is not None:
            return [start.name, *rest]
    return None


def _hold_all(tenant: UUID) -> dict[UUID, Calendar]:
    sql.run("lock_calendars", tenant_id=str(tenant))
    rows = Calendar.objects.select_for_update(of=("self",)).select_related("tenant").filter(tenant=tenant)
    return {row.pk: row for row in rows.order_by("pk")}


def _hold(calendar: Calendar) -> tuple[dict[UUID, Calendar], Calendar]:
    actors.require("jobs:write", tenant=calendar.tenant_id, owner=calendar.owner)
    known = _hold_all(calendar.tenant_id)
    if calendar.pk not in known:
        raise NotFound("this calendar was deleted meanwhile")
    return known, known[calendar.pk]


def _refuse_used(calendar: Calendar, known: Mapping[UUID, Calendar]) -> None:
    users = users_of(calendar)
    jobs = sorted(Job.objects.filter(pk__in={row.job_id for row in users}).values_list("name", flat=True))
    others = sorted(each.name for each in known.values() if str(calendar.pk) in each.extends)
    default = calendar.name in calendar_names.names(calendar.tenant.default_calendars)
    told = [
        f"schedules of the jobs {', '.join(jobs)}{' and others' if len(users) >= MOST_USERS else ''}" if jobs else "",
        f"the calendars {', '.join(others)}" if others else "",
        "the tenant's defaults" if default else "",
    ]
    if any(told):
        message = f"{calendar.name} is used by {'; '.join(part for part in told if part)}: take it away there first"
        details = {"jobs": jobs, "schedules": [str(row.id) for row in users], "calendars": others, "defaults": default}
        raise errors.Conflict(message, details=details)


def _insert(calendar: Calendar) -> None:
    _checked(calendar, lambda: calendar.save(force_insert=True))


def _save(calendar: Calendar) -> None:
    _checked(calendar, lambda: calendar.save(force_update=True))


def _checked(calendar: Calendar, store: Any) -> None:
    try:
        with transaction.atomic():
            store()
    except IntegrityError as error:
        if "calendar_name_once" not in str(error):
            raise
        message = f"a calendar named {calendar.name!r} exists already: choose another name or change that one"
        raise errors.Conflict.about("name", message) from None


def _rename(calendar: Calendar, before: str, after: str) -> None:
    sql.run("rename_in_schedules", tenant_id=calendar.tenant_id, before=before, after=after)
    sql.run("renaming_is_over")
    stored = calendar.tenant.default_calendars
    if before in calendar_names.names(stored):
        renamed = calendar_names.renamed(stored, before, after)
        tenant_columns.store(calendar.tenant, {"default_calendars": renamed})


def _replan(tenant: UUID, names: list[str]) -> None:
    if names:
        sql.run("replan_users", tenant_id=tenant, names=names)
        dispatch.ring_after_commit()


def _told(calendar: Calendar, known: Mapping[UUID, Calendar]) -> dict[str, Any]:
    return calendar_fields.told(calendar, {key: each.name for key, each in known.items()})


def _summed(changed: dict[str, Any]) -> dict[str, Any]:
    """For the trail: of many dates how many there are."""
    if "dates" in changed:
        old, new = (value or [] for value in changed["dates"])
        changed = {**changed, "dates": [f"{len(old)} entries", f"{len(new)} entries"]}
    return changed


def _record(action: str, calendar: Calendar, changed: dict[str, Any]) -> None:
    audit.record(
        action=action,
        object_type="calendar",
        object_id=calendar.pk,
        tenant=calendar.tenant,
        changes=changed,
    )
