"""How many streams may be open in this process: of one key or person, of one tenant, and at all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from uuid import UUID

from django.conf import settings

from tenants import errors
from tenants.limits import RateLimited
from tenants.requests import Actor

RETRY_AFTER = 5
_WHOSE = {"key": "this API key or person", "tenant": "this tenant"}

Name = tuple[str, str]


class Full(errors.Unavailable):
    """This process has as many answers open as it may: try again shortly."""

    retry_after = RETRY_AFTER


class Seats:
    """Taken and given back from any thread. ``what`` there are too many of, in a refusal."""

    def __init__(self, what: str = "streams") -> None:
        self._what = what
        self._lock = threading.Lock()
        self._taken: Counter[Name] = Counter()

    @property
    def taken(self) -> int:
        """How many streams are open."""
        return self._taken["process", ""]

    def take(self, actor: Actor, tenant_id: UUID) -> list[Name]:
        """One of each; returns what to give back.

        Raises:
            RateLimited: too many of the key or tenant.
            Full: too many at all.
        """
        names = [("process", ""), ("tenant", str(tenant_id)), ("key", actor.name)]
        with self._lock:
            for name in names:
                if self._taken[name] >= settings.STREAMS[name[0]]:
                    raise _refusal(self._what, name[0], settings.STREAMS[name[0]])
            self._taken.update(names)
        return names

    def give_back(self, names: Collection[Name]) -> None:
        """What was taken."""
        with self._lock:
            self._taken.subtract(names)
            self._taken += Counter()


def _refusal(what: str, limit: str, most: int) -> errors.ServiceError:
    if limit == "process":
        return Full()
    message = (
        f"too many {what} of {_WHOSE[limit]} are open here, at most {most}: close one, or try again in {RETRY_AFTER} s"
    )
    error = RateLimited(
        message,
        details={"limit": f"{what.replace(' ', '_')}_{limit}", "most": most, "retry_after_seconds": RETRY_AFTER},
    )
    error.retry_after = RETRY_AFTER
    return error


seats = Seats()
