"""What the domain refuses, beside the family in :mod:`tenants.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from tenants.errors import Invalid, ServiceError, invalid

__all__ = ["Conflict", "Invalid", "InvalidSchedule", "InvalidState", "RevisionInvalid", "invalid"]


class Conflict(ServiceError):
    """Something else has that place already."""

    code = "CONFLICT"


class InvalidSchedule(Invalid):
    """This schedule cannot fire as written; see details."""

    code = "INVALID_SCHEDULE"


class InvalidState(ServiceError):
    """That cannot be done in this state."""

    code = "INVALID_STATE"

    def __init__(self, message: str, *, state: str, allowed_actions: Sequence[str]) -> None:
        super().__init__(message, details={"state": str(state), "allowed_actions": list(allowed_actions)})


class RevisionInvalid(ServiceError):
    """That revision is not valid any more: change the job instead, or bring back what is gone."""

    code = "REVISION_INVALID"
    status = 422
