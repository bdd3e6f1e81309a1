"""The one error family. The class docstring is the message, the class names code and HTTP status; mapped at the edge only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from django.http import HttpRequest, JsonResponse
from django.urls import Resolver404, resolve
from django.utils import timezone

from tenants import requests


class ServiceError(Exception):
    """Something that is there is in the way: the message says what."""

    code: ClassVar[str] = "CONFLICT"
    status: ClassVar[int] = 409
    #: Seconds after which trying again may do; sent as Retry-After.
    retry_after: int | None = None

    def __init__(self, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message or type(self).__doc__)
        self.details = dict(details or {})

    @classmethod
    def about(cls, field: str, message: str) -> Self:
        """A refusal because of one field."""
        return cls(f"{field}: {message}", details={field: [message]})


class Invalid(ServiceError):
    """The request is well formed, and what it asks for is not valid; see details."""

    code = "VALIDATION_FAILED"
    status = 422


def invalid(details: Mapping[str, Sequence[str]]) -> Invalid:
    """A refusal that names each field and leads with the first."""
    field, messages = next(iter(details.items()), ("", ["invalid"]))
    return Invalid(f"{field}: {messages[0]}", details={name: list(texts) for name, texts in details.items()})


class NotFound(ServiceError):
    """There is no such thing here."""

    code = "NOT_FOUND"
    status = 404


class EtagMismatch(ServiceError):
    """This is no longer what the request says it is: read it again, and decide anew."""

    code = "ETAG_MISMATCH"
    status = 412


class Unauthenticated(ServiceError):
    """Send an API key in X-API-Key, or a key or a person's token as Authorization: Bearer."""

    code = "UNAUTHENTICATED"
    status = 401


class KeyExpired(ServiceError):
    """This API key has expired: create a new one."""

    code = "KEY_EXPIRED"
    status = 401


class TenantSuspended(ServiceError):
    """This tenant is suspended: ask the platform's operators."""

    code = "TENANT_SUSPENDED"
    status = 403

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"this tenant is suspended ({reason}): ask the platform's operators" if reason else "")


class Unavailable(ServiceError):
    """The database cannot be reached just now: try again shortly."""

    code = "UNAVAILABLE"
    status = 503
    retry_after = 2


def envelope(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of every error answer."""
    return {
        "error": {
            "code": code,
            "message": message,
            "details": dict(details or {}),
            "timestamp": timezone.now().isoformat().replace("+00:00", "Z"),
            "request_id": requests.current().request_id,
        }
    }


def answer(error: ServiceError) -> JsonResponse:
    """An error as a plain Django response, for where DRF does not reach."""
    response = JsonResponse(envelope(error.code, str(error), error.details), status=error.status)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django's handler404
    """An unknown path, in the envelope, with the one that is probably meant."""
    meant = _with_or_without_slash(request.path)
    hint = f"ask for {meant}" if meant else "see /api/v1/docs for the API, /admin/ for the console"
    return answer(NotFound(f"there is nothing at {request.path}: {hint}"))


def _with_or_without_slash(path: str) -> str | None:
    """The same path with or without a slash at its end, if that is one of ours."""
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    try:
        view = resolve(other).func
    except Resolver404:
        return None
    # Whatever is below the console's address leads to its own "not found", which says so by this mark.
    return other if getattr(view, "should_append_slash", True) else None


def server_error(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's handler500
    """A defect of ours, in the envelope and without internals."""
    return JsonResponse(
        envelope("INTERNAL", "something went wrong here; the request id is in the server's log"), status=500
    )
