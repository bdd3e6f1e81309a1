"""Who used a queue, as the platform's people and as a tenant's see it."""

from __future__ import annotations

from datetime import timedelta

from jobs.rules import neighbours
from jobs.rules.neighbours import Share

SECONDS = {"acme": 80.0, "beta": 15.0, "own": 5.0}


def message(own: str | None, seconds: dict[str, float] = SECONDS, *, started: bool = True) -> str:
    found = neighbours.shares(seconds, own=own)
    waited = timedelta(seconds=42)
    return neighbours.told(queue="io", waited=waited, started=started, found=found, tenant="own", capped=False).message


def test_the_platforms_people_see_every_tenant_by_name_the_largest_first():
    assert neighbours.shares(SECONDS, own=None) == (Share("acme", 0.8), Share("beta", 0.15), Share("own", 0.05))
    assert message(None) == "it waited 42 s while tenant acme used 80% of queue io"


def test_to_a_tenant_all_others_are_one_without_a_name():
    assert neighbours.shares(SECONDS, own="own") == (Share("", 0.95), Share("own", 0.05))
    assert message("own") == "it waited 42 s while other tenants used 95% of queue io"


def test_it_may_have_been_its_own_tenant_or_nobody():
    assert (
        message("own", {"own": 1.0}, started=False) == "it has waited 42 s while its own tenant used 100% of queue io"
    )
    assert message(None, {}) == "it waited 42 s while nothing ran in queue io"
