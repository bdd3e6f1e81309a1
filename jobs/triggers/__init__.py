"""Schedule kinds: from a schedule's spec to the slots it means. Pure; one module per kind.

    trigger = triggers.build("cron", {"expression": "30 2 * * *", "timezone": "Europe/Berlin"})
    next(trigger.after(now)).at

Preview, planning, backfill and import all build their trigger here, so they cannot disagree.
A further kind is one module with ``KIND``, ``build(spec)`` and what else :class:`Kind` has, in a package that
``settings.SCHEDULE_KIND_PACKAGES`` names; see docs/schedules.md.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rules.slots import Trigger
from jobs.triggers import business_days, calendar_rule, contract, cron, event, interval, once, rrule
from jobs.triggers.contract import InvalidSchedule, Spec

__all__ = [
    "InvalidSchedule", "Kind", "Spec", "build", "is_anchored", "kind", "kinds", "load", "needs", "register", "spreads",
]  # fmt: skip

Builder = Callable[[Spec], Trigger]


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``needs``: the one field that it fires by, if it is one of :data:`contract.OWN`; ``schema``: what that field may
    be, and ``example``: a whole spec, for the API's description. ``anchored``: it counts from ``start_at``, which is now
    for a schedule that is stored without one. ``spreads``: whether a spec means other slots for another schedule.
    """

    build: Builder
    needs: str = ""
    anchored: bool = False
    schema: Mapping[str, Any] | None = None
    example: Mapping[str, Any] | None = None
    spreads: Callable[[Any], bool] = _never


_kinds: dict[str, Kind] = {}


def register(name: str, builder: Builder, **more: Any) -> None:
    """Make a kind known. A name that is taken stops the start."""
    if not 1 <= len(name) <= 16:
        raise ValueError(f"schedule kind {name!r} must have 1 to 16 characters; choose another name")
    known = _kinds.setdefault(name, Kind(build=builder, **more))
    if known.build is not builder:
        raise ValueError(f"schedule kind {name!r} is already registered; choose another name")
    if known.needs and known.needs not in contract.OWN:
        raise ValueError(f"schedule kind {name!r} needs {known.needs!r}, which is none of {', '.join(contract.OWN)}")


def load(packages: Iterable[str]) -> None:
    """Import every module of ``packages`` and register those that are a kind: they have ``KIND`` and ``build``."""
    for package_name in packages:
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package_name}.{info.name}")
            if hasattr(module, "KIND"):
                said = {name: getattr(module, name.upper()) for name in _SAID if hasattr(module, name.upper())}
                register(module.KIND, module.build, spreads=getattr(module, "spreads", _never), **said)


#: What a module says of its kind in capital letters.
_SAID = ("needs", "anchored", "schema", "example")


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(sorted(_kinds))


def kind(name: str) -> Kind:
    """What is known of a kind, or :class:`InvalidSchedule`."""
    if name not in _kinds:
        raise InvalidSchedule("kind", f"unknown kind {str(name)[:40]!r}; known are {', '.join(kinds())}")
    return _kinds[name]


def needs(name: str) -> str:
    """The field of a spec that belongs to this kind alone; empty for a kind that says nothing of it."""
    return _kinds[name].needs


def is_anchored(name: str) -> bool:
    """Whether a kind counts from ``start_at``; not one that is unknown."""
    return name in _kinds and _kinds[name].anchored


def spreads(schedule: Any) -> bool:
    """Whether a stored schedule's slots depend on which one it is: equal specs then do not share a trigger."""
    return schedule.kind in _kinds and _kinds[schedule.kind].spreads(schedule)


def build(name: str, spec: Spec | Mapping[str, Any]) -> Trigger:
    """The trigger of a schedule. Raises :class:`InvalidSchedule` naming the field and what to do."""
    read = contract.read(spec)
    trigger = kind(name).build(read)
    return business_days.BusinessDays.of(trigger, read) if read.calendars else trigger


register("calendar", calendar_rule.build, needs=calendar_rule.NEEDS, schema=calendar_rule.SCHEMA)
register("cron", cron.build, needs=cron.NEEDS, spreads=cron.spreads)
register(event.KIND, event.build, needs=event.NEEDS)
register("interval", interval.build, needs=interval.NEEDS, anchored=True)
register("once", once.build, needs=once.NEEDS)
register("rrule", rrule.build, needs=rrule.NEEDS, anchored=True)
