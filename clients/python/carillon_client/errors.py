"""What a call may raise: one class for each code of the API, all below :class:`CarillonError`."""

from __future__ import annotations

from typing import Any


class CarillonError(Exception):
    """A request was refused. ``code`` is stable; ``message`` says what is wrong and what to do."""

    code: str = ""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        details: dict[str, Any] | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        #: Of HTTP; 0 if there was no answer.
        self.status = status
        #: Messages by field path, or facts such as ``state`` and ``limit``.
        self.details = details or {}
        #: What the server's log knows the request by.
        self.request_id = request_id
        #: Seconds after which the same may be let in.
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


class NoAnswer(CarillonError):
    """The server could not be reached, or did not answer, for as long as patience lasted."""

    code = "NO_ANSWER"


class TimedOut(CarillonError, TimeoutError):
    """What was waited for did not happen in time. It may happen yet."""

    code = "TIMED_OUT"


class BadRequest(CarillonError):
    """The request could not be read."""


class Unauthenticated(CarillonError):
    """The key is unknown, revoked or missing."""


class KeyExpired(Unauthenticated):
    """The key has expired."""


class Forbidden(CarillonError):
    """The key may not do that, or not from here."""


class TenantSuspended(Forbidden):
    """The tenant is suspended."""


class NotFound(CarillonError):
    """There is no such thing, or it is another tenant's."""


class Conflict(CarillonError):
    """It cannot be done as things are."""


class InvalidState(Conflict):
    """It cannot be done in this state."""

    @property
    def state(self) -> str:
        """The state it is in."""
        return str(self.details.get("state", ""))

    @property
    def allowed_actions(self) -> list[str]:
        """What can be done in it."""
        return list(self.details.get("allowed_actions", []))


class QuotaExceeded(Conflict):
    """The tenant has as many as it may."""


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is not answered yet."""


class EtagMismatch(CarillonError):
    """Somebody else has changed it since it was read."""


class ValidationFailed(CarillonError):
    """The request could be read and is not valid: ``details`` has messages by field path."""


class InvalidSchedule(ValidationFailed):
    """A schedule that cannot fire as written."""


class RateLimited(CarillonError):
    """Too many requests, for longer than patience lasted."""


class Unavailable(CarillonError):
    """The server, or what it needs, is away, for longer than patience lasted."""


class ServerError(CarillonError):
    """A defect of the server's; its log knows the ``request_id``."""


BY_CODE: dict[str, type[CarillonError]] = {
    "KEY_EXPIRED": KeyExpired,
    "TENANT_SUSPENDED": TenantSuspended,
    "INVALID_STATE": InvalidState,
    "QUOTA_EXCEEDED": QuotaExceeded,
    "IDEMPOTENCY_IN_PROGRESS": IdempotencyInProgress,
    "INVALID_SCHEDULE": InvalidSchedule,
}
BY_STATUS: dict[int, type[CarillonError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: EtagMismatch,
    422: ValidationFailed,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def made(status: int, body: Any, *, request_id: str = "", retry_after: float | None = None) -> CarillonError:
    """The exception for an answer: by its code, else by its status."""
    told = body.get("error") if isinstance(body, dict) else None
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code", ""))
    family = BadRequest if status < 500 else ServerError
    return BY_CODE.get(code, BY_STATUS.get(status, family))(
        str(told.get("message", f"the server answered {status}")),
        code=code,
        status=status,
        details=told.get("details"),
        request_id=str(told.get("request_id", request_id)),
        retry_after=retry_after,
    )
