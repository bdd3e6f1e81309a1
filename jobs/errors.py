"""What the domain refuses, beside the family in :mod:`tenants.errors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenants.errors import Invalid, ServiceError


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


def invalid(details: Mapping[str, Sequence[str]]) -> Invalid:
    """A refusal that names each field and leads with the first."""
    field, messages = next(iter(details.items()))
    return Invalid(f"{field}: {messages[0]}", details={name: list(texts) for name, texts in details.items()})


def invalid_schedule(field: str, message: str) -> InvalidSchedule:
    """A schedule that cannot fire, because of one field."""
    return InvalidSchedule(f"{field}: {message}", details={field: [message]})
