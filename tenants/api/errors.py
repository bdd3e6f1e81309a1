"""What the edge itself refuses, before any service is asked."""

from __future__ import annotations

from tenants.errors import ServiceError


class UnknownParameter(ServiceError):
    """The query names a parameter that does not exist here: the message lists those that do."""

    code = "UNKNOWN_FIELD"
    status = 400


class InvalidCursor(ServiceError):
    """This cursor is not one of ours: take next_cursor from the former page, or leave it out to begin anew."""

    code = "INVALID_CURSOR"
    status = 400


class InvalidHeader(ServiceError):
    """A header that cannot be read."""

    code = "INVALID_HEADER"
    status = 400


class OtherOrder(InvalidCursor):
    """This cursor goes on in another order: send the order_by of the former page, or leave the cursor out."""


class UnknownField(ServiceError):
    """The query names a field that these rows do not have."""

    code = "UNKNOWN_FIELD"
    status = 400


class PayloadTooLarge(ServiceError):
    """The body is larger than 1 MiB: send less."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
