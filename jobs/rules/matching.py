"""Which executor may run what: it must have every capability that is asked for, and the name if one is named.

The same rule stands in the database, as ``carillon_fits``; one table of cases tests both.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

#: What a capability may be called.
CAPABILITY = re.compile(r"[a-z0-9]([a-z0-9._:/-]{0,62}[a-z0-9])?")
CAPABILITY_MESSAGE = "must be small letters, digits and . _ : / - between them, 64 at most, such as gpu or region:eu"
MOST_CAPABILITIES = 20


@dataclass(frozen=True, slots=True)
class Needs:
    """What an execution asks of who runs it. No name: whoever fits."""

    capabilities: Collection[str] = ()
    executor: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an executor is called and can do."""

    name: str
    capabilities: Collection[str] = ()


def fits(needs: Needs, offer: Offer) -> bool:
    """Whether it may run it."""
    return needs.executor in ("", offer.name) and set(needs.capabilities) <= set(offer.capabilities)


def described(needs: Needs) -> str:
    """In words, after "waits for"."""
    who = f"the executor {needs.executor}" if needs.executor else "an executor"
    if not needs.capabilities:
        return who
    word = "capability" if len(needs.capabilities) == 1 else "capabilities"
    return f"{who} with the {word} {', '.join(sorted(needs.capabilities))}"
