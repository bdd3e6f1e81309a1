"""Schedule kinds: from a schedule's spec to the slots it means. Pure; one module per kind.

    trigger = triggers.build("cron", {"expression": "30 2 * * *", "timezone": "Europe/Berlin"})
    next(trigger.after(now)).at

Preview, planning, backfill and import all build their trigger here, so they cannot disagree.
A further kind is one module with ``build(spec)`` and one call of :func:`register`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs.rules.slots import Trigger
from jobs.triggers import contract, cron, event, interval, once
from jobs.triggers.contract import InvalidSchedule, Spec

__all__ = ["InvalidSchedule", "Spec", "build", "kinds", "needs", "register"]

Builder = Callable[[Spec], Trigger]

_builders: dict[str, Builder] = {}
_needs: dict[str, str] = {}


def register(kind: str, builder: Builder, *, needs: str = "") -> None:
    """Make ``kind`` known, and the one field that it fires by, if it is one. A kind that is taken stops the start."""
    if _builders.setdefault(kind, builder) is not builder:
        raise ValueError(f"schedule kind {kind!r} is already registered; choose another name")
    _needs[kind] = needs


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(sorted(_builders))


def needs(kind: str) -> str:
    """The field of a spec that belongs to this kind alone; empty for a kind that says nothing of it."""
    return _needs[kind]


def build(kind: str, spec: Spec | Mapping[str, Any]) -> Trigger:
    """The trigger of a schedule. Raises :class:`InvalidSchedule` naming the field and what to do."""
    if kind not in _builders:
        raise InvalidSchedule("kind", f"unknown kind {kind!r}; known are {', '.join(kinds())}")
    return _builders[kind](contract.read(spec))


register("cron", cron.build, needs=cron.NEEDS)
register(event.KIND, event.build, needs=event.NEEDS)
register("interval", interval.build, needs=interval.NEEDS)
register("once", once.build, needs=once.NEEDS)
