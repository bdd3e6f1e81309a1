"""Schedules of kind ``event``: no slots by the clock; they run when an event that they wait for comes in.

An event's name is words with dots between them, such as ``order.paid``. A schedule waits for one name, or, with ``*`` as
its last word, for all that begin so: ``order.*`` takes ``order.paid`` and ``order.refund.made``, ``*`` whatever comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from jobs.rules.slots import Slot
from jobs.triggers import contract

KIND = NEEDS = "event"
LONGEST_NAME = 100
_WORD = r"[A-Za-z0-9_:/-]+"
_NAME = re.compile(rf"{_WORD}(\.{_WORD}){{0,9}}")
_AWAITED = re.compile(rf"({_WORD}\.){{0,9}}(\*|{_WORD})")
_WRITE = "must be at most ten words of letters, digits, _, -, : and / with dots between them, such as order.paid"


def build(spec: contract.Spec) -> EventTrigger:
    """A trigger that makes nothing by itself, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, KIND, needs=NEEDS)
    if not isinstance(spec.event, str) or len(spec.event) > LONGEST_NAME or not _AWAITED.fullmatch(spec.event):
        raise contract.InvalidSchedule("event", f"{_WRITE}; the last word may be *, for all that begin so")
    return EventTrigger(contract.window(spec))


def check_name(name: str) -> None:
    """Raises ValueError with what an event may be called."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(_WRITE)


def awaited(name: str) -> list[str]:
    """Whatever a schedule may say that waits for an event of this name: few texts, so that they are looked up by index."""
    words = name.split(".")
    return [name, *(".".join([*words[:many], "*"]) for many in range(len(words)))]


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """See :class:`jobs.rules.slots.Trigger`. ``window`` is when events count."""

    window: contract.Window

    def after(self, instant: datetime) -> Iterator[Slot]:  # noqa: ARG002 - the protocol's
        """None."""
        return iter(())

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:  # noqa: ARG002
        """None."""
        return iter(())

    def count(self, after: datetime, until: datetime) -> int:  # noqa: ARG002
        """None."""
        return 0
