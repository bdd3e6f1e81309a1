"""Ids of rows that belong to an execution."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from jobs.rules import identity


def child_of(execution_id: UUID) -> UUID:
    """A fresh one that begins with the execution's milliseconds, as the database makes them."""
    drawn = identity.request_id(datetime.now(UTC))
    return UUID(bytes=execution_id.bytes[:6] + drawn.bytes[6:])
