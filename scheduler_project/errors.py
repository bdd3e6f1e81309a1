"""DRF's exception handler: every refusal in one envelope."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from tenants import errors
from tenants.api.flattening import flatten
from tenants.rules import unknown_fields

CODES = {
    exceptions.ParseError: "INVALID_JSON",
    exceptions.NotFound: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.Throttled: "RATE_LIMITED",
}


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:  # noqa: ARG001 - DRF's signature
    """Answer in the envelope; None (a 500 without internals) for what nobody foresaw."""
    response = _answer(exception)
    if response is not None and transaction.get_connection().in_atomic_block:
        transaction.set_rollback(True)
    return response


def _answer(exception: Exception) -> Response | None:
    if isinstance(exception, OperationalError | InterfaceError):
        exception = errors.Unavailable()
    if isinstance(exception, Http404):
        exception = errors.NotFound()
    if isinstance(exception, exceptions.ValidationError):
        exception = errors.invalid(flatten(exception.detail))
    if isinstance(exception, errors.ServiceError):
        return _unknown_fields(exception) or _from_service(exception)
    if isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    if isinstance(exception, exceptions.APIException):
        code = CODES.get(type(exception), "REFUSED")
        return Response(errors.envelope(code, str(exception.detail)), status=exception.status_code)
    return None


def _from_service(error: errors.ServiceError) -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="carillon"'} if error.status == 401 else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(errors.envelope(error.code, str(error), error.details), status=error.status, headers=headers)


def _unknown_fields(error: errors.ServiceError) -> Response | None:
    """Fields nobody knows are the client's mistake in writing the request: 400, wherever they were noticed."""
    if not isinstance(error, errors.Invalid):
        return None
    unknown = {field: texts for field, texts in error.details.items() if texts[0].startswith("unknown field")}
    if not unknown:
        return None
    message = unknown_fields.in_short([(field, texts[0]) for field, texts in unknown.items()])
    return Response(errors.envelope("UNKNOWN_FIELD", message, unknown), status=400)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001 - Django's handler400
    """What Django itself refuses, such as an unknown host name, in the envelope."""
    message = "this request cannot be served: check the host name and the headers"
    return JsonResponse(errors.envelope("BAD_REQUEST", message), status=400)
