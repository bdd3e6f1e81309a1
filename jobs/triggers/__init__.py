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
from jobs.triggers import contract, cron, interval, once
from jobs.triggers.contract import InvalidSchedule, Spec

__all__ = ["InvalidSchedule", "Spec", "build", "kinds", "register"]

Builder = Callable[[Spec], Trigger]

_builders: dict[str, Builder] = {}


def register(kind: str, builder: Builder) -> None:
    """Make ``kind`` known. A kind that is taken stops the start."""
    if _builders.setdefault(kind, builder) is not builder:
        raise ValueError(f"schedule kind {kind!r} is already registered; choose another name")


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(sorted(_builders))


def build(kind: str, spec: Spec | Mapping[str, Any]) -> Trigger:
    """The trigger of a schedule. Raises :class:`InvalidSchedule` naming the field and what to do."""
    if kind not in _builders:
        raise InvalidSchedule("kind", f"unknown kind {kind!r}; known are {', '.join(kinds())}")
    return _builders[kind](contract.read(spec))


register("cron", cron.build)
register("interval", interval.build)
register("once", once.build)
