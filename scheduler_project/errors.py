"""DRF's exception handler: every refusal in one envelope."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from tenants import errors

_CODES = {
    exceptions.ParseError: "INVALID_JSON",
    exceptions.NotFound: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.Throttled: "RATE_LIMITED",
}


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
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
    if isinstance(exception, errors.ServiceError):
        return _from_service(exception)
    if isinstance(exception, exceptions.ValidationError):
        return _from_validation(exception)
    if isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    if isinstance(exception, exceptions.APIException):
        code = _CODES.get(type(exception), "REFUSED")
        return Response(errors.envelope(code, str(exception.detail)), status=exception.status_code)
    return None


def _from_service(error: errors.ServiceError) -> Response:
    headers = {503: {"Retry-After": "2"}, 401: {"WWW-Authenticate": 'Bearer realm="carillon"'}}.get(error.status)
    return Response(errors.envelope(error.code, str(error), error.details), status=error.status, headers=headers)


def _from_validation(error: exceptions.ValidationError) -> Response:
    details = flatten(error.detail)
    unknown = [field for field, messages in details.items() if messages == ["unknown field"]]
    if unknown:
        message = f"unknown field {', '.join(unknown)}: remove it, or check its spelling"
        return Response(errors.envelope("UNKNOWN_FIELD", message, details), status=400)
    first = next(iter(details.items()), ("", ["invalid"]))
    return Response(errors.envelope("VALIDATION_FAILED", f"{first[0]}: {first[1][0]}", details), status=422)


def flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail as {"schedules[0].expression": [messages]}."""
    if isinstance(detail, dict):
        parts = [flatten(value, f"{path}.{key}" if path else str(key)) for key, value in detail.items()]
        return {field: messages for part in parts for field, messages in part.items()}
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        parts = [flatten(item, f"{path}[{index}]") for index, item in enumerate(detail)]
        return {field: messages for part in parts for field, messages in part.items()}
    messages = detail if isinstance(detail, list) else [detail]
    return {path or "non_field_errors": [str(message) for message in messages]}
