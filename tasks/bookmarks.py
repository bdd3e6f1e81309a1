"""Bookmarks of the job that an attempt runs for: read when asked for, moved as long as the claim holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings

from jobs import sql
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.handlers import HandlerError, Json, LeaseLost
from tasks.patience import patiently
from tenants.fields import new_id


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
        terms = {"execution_id": claim.id, "epoch": claim.epoch, "name": name, "value": sql.json(value)}
        if not _told(lambda: sql.run("move_bookmark", id=new_id(), **terms)):
            raise LeaseLost


def _told(ask: Callable[[], list[Any]]) -> list[Any]:
    """What the database says, as long as the claim may wait for it."""
    found = patiently(ask, until=boot_time() + settings.LEASE.total_seconds())
    if found is None:
        raise HandlerError("the database is away, where the job's bookmarks are kept")
    return found
