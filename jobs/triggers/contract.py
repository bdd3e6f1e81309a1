"""What every schedule kind shares: the spec it is built from, its bounds, and how it refuses a bad one.

A kind is one module with a function ``build(spec) -> Trigger``, registered in ``jobs.triggers``.
Bounds are half-open: the first slot is not before ``start_at``, and ``end_at`` is the first instant
without slots, so that a schedule ending at midnight and one starting there never share a slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from jobs.rules.calendars import CalendarUse
from jobs.triggers import zones

#: No schedule reaches beyond these. Ids count from 1970, and beyond 2200 no zone rule is worth a promise.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class InvalidSchedule(ValueError):
    """A schedule that cannot fire as written. ``field`` is the spec's field, ``message`` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class DstGap(StrEnum):
    """What happens to wall times that do not exist because clocks go forward."""

    RUN_AFTER_GAP = "run_after_gap"
    SKIP = "skip"


class DstFold(StrEnum):
    """Which of two equal wall times run when clocks go back."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A schedule's own words. Which one of :data:`OWN` is needed depends on the kind.

    ``schedule_id`` is for kinds that spread by schedule; None where none is stored yet. ``calendars`` are the
    stored ones, looked up.
    """

    expression: str | None = None
    interval_seconds: int | None = None
    run_at: datetime | None = None
    rrule: str | None = None
    rule: Mapping[str, Any] | None = None
    event: str | None = None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    dst_gap: str = DstGap.RUN_AFTER_GAP
    dst_fold: str = DstFold.FIRST
    calendars: tuple[CalendarUse, ...] = ()
    schedule_id: UUID | None = None


#: What a kind fires by; each belongs to one kind alone.
OWN = ("expression", "interval_seconds", "run_at", "rrule", "rule", "event")
#: The columns of a schedule that say when it has slots, but for its calendars, which are looked up.
STORED = ("kind", *OWN, "timezone", "start_at", "end_at", "dst_gap", "dst_fold")
#: A change of any of these is a new rule, as the database has it in carillon_schedule_changed.
RULE = frozenset({*STORED, "calendars", "max_runs"})


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open time [start, end) in which a schedule has slots. Aware UTC."""

    start: datetime
    end: datetime


def read(values: Spec | Mapping[str, Any]) -> Spec:
    """A spec whose common fields are sound, or :class:`InvalidSchedule`."""
    if isinstance(values, Spec):
        spec = values
    else:
        known = {field.name for field in fields(Spec)}
        for name in values:
            if name not in known:
                raise InvalidSchedule(str(name), f"unknown field; known are {', '.join(sorted(known))}")
        spec = Spec(**values)
    _check_zone(spec.timezone)
    choice("dst_gap", spec.dst_gap, DstGap)
    choice("dst_fold", spec.dst_fold, DstFold)
    window(spec)
    return spec


def window(spec: Spec) -> Window:
    """The bounds of a spec, open ends filled with the ends of time."""
    start = EARLIEST if spec.start_at is None else instant("start_at", spec.start_at)
    end = LATEST if spec.end_at is None else instant("end_at", spec.end_at)
    if end <= start:
        raise InvalidSchedule("end_at", f"must be later than start_at ({start.isoformat()})")
    return Window(start, end)


def instant(field: str, value: object) -> datetime:
    """An aware datetime within bounds, in UTC."""
    if not isinstance(value, datetime):
        raise InvalidSchedule(field, "must be a date and time such as 2026-03-01T09:00:00+01:00")
    if value.utcoffset() is None:
        raise InvalidSchedule(field, "has no UTC offset; add one, such as Z or +01:00")
    try:
        result = value.astimezone(UTC)
    except OverflowError:
        result = datetime.max.replace(tzinfo=UTC)
    if not EARLIEST <= result < LATEST:
        raise InvalidSchedule(field, f"must lie between {EARLIEST.year} and the end of {LATEST.year - 1}")
    return result


def refuse_others(spec: Spec, kind: str, *, needs: str) -> None:
    """Refuse the spec fields that belong to other kinds, and a missing own one."""
    for name in OWN:
        given = getattr(spec, name) is not None
        if name == needs and not given:
            raise InvalidSchedule(name, f"is required for a schedule of kind {kind}")
        if name != needs and given:
            raise InvalidSchedule(name, f"has no meaning for a schedule of kind {kind}; leave it out")


def choice(field: str, value: object, options: type[StrEnum]) -> None:
    """Refuse a value that is none of an enumeration's."""
    known = [str(option) for option in options]
    if not isinstance(value, str) or value not in known:
        raise InvalidSchedule(field, f"must be one of {', '.join(known)}")


def _check_zone(name: object) -> None:
    try:
        zones.zone(name if isinstance(name, str) else "")
    except zones.UnknownZoneError as error:
        raise InvalidSchedule("timezone", str(error)) from None
