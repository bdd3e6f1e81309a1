"""Who used a queue while an execution waited for it: shares of the time that executions ran there.

Other tenants are named to the platform's people alone: to a tenant they are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tenants.rules import phrases


@dataclass(frozen=True, slots=True)
class Share:
    """``tenant`` is empty for all others together."""

    tenant: str
    share: float


@dataclass(frozen=True, slots=True)
class Use:
    """Of a queue in a time. ``tenant`` is empty for all others together."""

    tenant: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """``capped``: older executions were not looked at."""

    queue: str
    waited_seconds: float
    shares: tuple[Share, ...]
    message: str
    capped: bool


def shares(seconds: Mapping[str, float], *, own: str | None) -> tuple[Share, ...]:
    """The largest first. ``own``: the tenant whose people ask; None for the platform's, to whom all are named."""
    total = sum(seconds.values())
    if total <= 0:
        return ()
    seen: dict[str, float] = {}
    for tenant, part in seconds.items():
        name = tenant if own is None or tenant == own else ""
        seen[name] = seen.get(name, 0.0) + part / total
    return tuple(
        Share(name, round(part, 3)) for name, part in sorted(seen.items(), key=lambda each: (-each[1], each[0]))
    )


def uses(seconds: Mapping[str, float], *, own: str | None) -> tuple[Use, ...]:
    """The same with the seconds that they ran."""
    seen: dict[str, float] = {}
    for tenant, part in seconds.items():
        name = tenant if own is None or tenant == own else ""
        seen[name] = seen.get(name, 0.0) + part
    return tuple(Use(share.tenant, round(seen[share.tenant], 3), share.share) for share in shares(seconds, own=own))


def told(
    *, queue: str, waited: timedelta, started: bool, found: tuple[Share, ...], tenant: str, capped: bool
) -> Neighbours:
    """In a sentence, by who used most."""
    verb = "it waited" if started else "it has waited"
    message = f"{verb} {phrases.length(waited)}"
    if found:
        most = found[0]
        who = (
            "other tenants"
            if not most.tenant
            else "its own tenant"
            if most.tenant == tenant
            else f"tenant {most.tenant}"
        )
        message += f" while {who} used {most.share:.0%} of queue {queue}"
    else:
        message += f" while nothing ran in queue {queue}"
    return Neighbours(queue, waited.total_seconds(), found, message, capped)
