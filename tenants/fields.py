"""Field defaults shared by every model."""

from __future__ import annotations

from uuid import UUID

from uuid_utils import compat


def new_id() -> UUID:
    """A time-ordered UUIDv7 of the standard library's type."""
    return compat.uuid7()
