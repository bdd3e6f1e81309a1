"""Artifacts that are over go, bytes first; and what a crash has left in the store or in the table is found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from jobs import artifacts, sql
from jobs.artifacts import contract

BATCH = 500
#: Most in one go; what is left, the next one does.
MOST = 100_000
#: Nobody writes for longer: an attempt lasts a day at most.
HALF = timedelta(hours=25)
#: A row follows its bytes within seconds, or never.
SETTLED = timedelta(hours=1)
#: Parts of the store that are compared with the table in one go: all of them in sixteen.
PARTS = 16

log = structlog.get_logger(__name__)


def prune() -> int:
    """Delete what is over, and compare a part of the store with the table. Returns how many artifacts went.

    A store that is away delays it: rows wait for their bytes.
    """
    _shorten()
    try:
        deleted = _delete()
        artifacts.store().sweep(older_than=HALF.total_seconds())
        for part in _due():
            compare(part)
    except OSError as error:
        log.error("artifacts.away", problem=str(error))  # noqa: TRY400 - the traceback tells nothing more
        return 0
    return deleted


def delete(rows: Sequence[Any]) -> None:
    """Bytes first: a row without them is over and nobody reads it; bytes without a row nobody would know of."""
    for row in rows:
        artifacts.store().delete(row.key)
    sql.run("forget_artifacts", ids=[row.id for row in rows])


def _shorten() -> None:
    kept = {"artifacts": settings.ARTIFACT_RETENTION, "executions": settings.RETENTION}
    shortened = 0
    while shortened < MOST and (rows := sql.run("shorten_artifacts", **kept, limit=BATCH)):
        shortened += len(rows)


def _delete() -> int:
    deleted = 0
    while deleted < MOST and (rows := sql.run("expired_artifacts", limit=BATCH)):
        delete(rows)
        deleted += len(rows)
    return deleted


def _due() -> list[int]:
    """Which parts have their turn, from the clock: nothing is kept of where the last one ended."""
    turn = int(time.time() // settings.MAINTENANCE_EVERY.total_seconds())
    first = turn * PARTS % contract.PARTS
    return list(range(first, first + PARTS))


def compare(part: int) -> None:
    """Bytes without a row are deleted; a row without its bytes is marked, and said to be lost.

    Bytes may look as old as their attempt's first ones, though they are whole since a second: they are deleted when no
    attempt can last any longer, and only if there was no row after they were seen.
    """
    old = list(artifacts.store().keys(part, older_than=HALF.total_seconds()))
    stored = set(artifacts.store().keys(part, older_than=0))
    low = UUID(bytes=bytes([part]) + bytes(15))
    high = UUID(bytes=bytes([part]) + b"\xff" * 15)
    rows = sql.run("artifact_keys", low=low, high=high, age=SETTLED)
    known = {row.key for row in rows}
    for key in old:
        if key not in known:
            artifacts.store().delete(key)
            log.info("artifact.swept", key=str(key))
    for lost in sql.run("lose_artifacts", ids=[row.id for row in rows if row.settled and row.key not in stored]):
        log.error("artifact.lost", artifact=str(lost.id), tenant=str(lost.tenant_id), execution=str(lost.execution_id))
    sql.run("drop_artifacts", ids=[row.id for row in rows if not row.wanted])
