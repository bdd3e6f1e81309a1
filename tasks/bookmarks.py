"""Bookmarks of the job that an attempt runs for: read when asked for, moved as long as the claim holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings

from jobs import sql
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.handlers import HandlerError, Json, LeaseLost
from jobs.rules.codes import Failure
from tasks.patience import patiently
from tenants.fields import new_id

#: Of one job, and of the JSON of one.
MOST, MOST_BYTES = 100, 64 * 1024


class Bookmarks:
    """What the attempt of a claim reads and moves."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    def read(self, name: str) -> Json:
        """The value, or None."""
        rows = _told(lambda: sql.run("bookmark", job_id=self._claim.job_id, name=name))
        return rows[0].value if rows else None

    def move(self, name: str, value: Json) -> None:
        """The row says so when this returns."""
        claim = self._claim
        if (size := len(json.dumps(value).encode())) > MOST_BYTES:
            message = f"the bookmark {name!r} would have {size} bytes, and {MOST_BYTES} are the most: keep less in it"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT)
        terms = {"execution_id": claim.id, "epoch": claim.epoch, "job_id": claim.job_id, "name": name, "most": MOST}
        (found,) = _told(lambda: sql.run("move_bookmark", id=new_id(), value=sql.json(value), **terms))
        if not found.holds:
            raise LeaseLost
        if not found.moved:
            message = f"the job has {MOST} bookmarks already, which is the most: use names that come again"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT)


def _told(ask: Callable[[], list[Any]]) -> list[Any]:
    """What the database says, as long as the claim may wait for it."""
    found = patiently(ask, until=boot_time() + settings.LEASE.total_seconds())
    if found is None:
        raise HandlerError("the database is away, where the job's bookmarks are kept")
    return found
