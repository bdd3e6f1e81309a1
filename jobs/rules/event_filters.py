"""Filters of schedules that wait for events: an expression over ``event`` that comes to yes or no.

    event.payload.total > 100 and event.payload.country in ['DE', 'AT']

What cannot be computed of an event, such as a field that it lacks, is no match, and is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rules import yes_or_no
from jobs.rules.yes_or_no import InvalidQuestion as InvalidFilter

__all__ = ["LONGEST", "InvalidFilter", "Verdict", "check", "judge"]

LONGEST = 500
#: Characters that one filter may work on.
MOST_WORK = 256 * 1024
_NAMES = frozenset({"event"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a filter takes an event; ``problem`` says why that could not be computed."""

    matches: bool
    problem: str = ""


def check(source: str) -> None:
    """Raises :class:`InvalidFilter`."""
    yes_or_no.parse(source, _NAMES, longest=LONGEST, such_as="event.payload.total > 100")


def judge(source: str, event: Mapping[str, Any]) -> Verdict:
    """Whether an event passes; no filter lets everything pass."""
    if not source:
        return Verdict(True)
    found = yes_or_no.decide(source, {"event": event}, MOST_WORK)
    return Verdict(found.is_true, found.problem)
