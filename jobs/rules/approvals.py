"""Who may decide on what an execution waits for, and what a decision means."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

LONGEST_QUESTION = 2000
#: Named in words; the rest is counted.
_NAMED = 5


class Standing(StrEnum):
    """How an approval stands. ``lapsed``: nobody decided in time; ``withdrawn``: its execution ended before."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Default(StrEnum):
    """What becomes of it if nobody decides in time."""

    APPROVE = "approve"
    REJECT = "reject"
    FAIL = "fail"


AFTER_ALL: Mapping[Default, Standing] = MappingProxyType(
    {Default.APPROVE: Standing.APPROVED, Default.REJECT: Standing.REJECTED, Default.FAIL: Standing.LAPSED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an execution wants decided, by whom of those who may run jobs, and within how long."""

    text: str
    roles: Sequence[str] = ()
    members: Sequence[str] = ()
    api_keys: Sequence[str] = ()
    not_by_requester: bool = False
    limit: timedelta
    by_default: Default


@dataclass(frozen=True, slots=True)
class Decision:
    """How it was decided; ``by`` is empty where nobody did in time."""

    standing: Standing
    by: str
    reason: str
    at: datetime


def in_a_sentence(decision: Decision) -> str:
    """For the log and for errors."""
    if decision.standing is Standing.LAPSED:
        return "nobody decided in time"
    by = f" by {decision.by}" if decision.by else " by default"
    return f"{decision.standing}{by}" + (f": {decision.reason}" if decision.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom an approval is put to; nobody named: any who may run jobs."""

    roles: Collection[str] = ()
    members: Collection[str] = ()
    api_keys: Collection[str] = ()
    not_by_requester: bool = False
    requested_by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody is named."""
        return not (self.roles or self.members or self.api_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Somebody who may run jobs. ``names`` are all that the audit trail calls them: a person, and the keys they made."""

    names: Collection[str]
    email: str = ""
    role: str = ""
    api_key: str = ""


def why_not(asked: Asked, who: Decider) -> str:
    """Why they may not decide; empty if they may."""
    if not asked.is_open and not _is_named(asked, who):
        return "it is for others to decide on this"
    if asked.not_by_requester and asked.requested_by and asked.requested_by in who.names:
        return "whoever started this may not decide on it: it takes somebody else"
    return ""


def _is_named(asked: Asked, who: Decider) -> bool:
    members = {member.lower() for member in asked.members}
    named = who.email.lower() in members if who.email else False
    return named or who.role in asked.roles or (bool(who.api_key) and who.api_key in asked.api_keys)


def in_words(names: Sequence[str], asked: Asked) -> str:
    """Those who may decide, for a sentence."""
    if not names:
        return "nobody: whoever was named is gone" if not asked.is_open else "nobody: no one may run jobs"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
