"""Takes a request's body as it really came, before anything is read from it."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from tenants.api.errors import PayloadTooLarge


def receive(request: HttpRequest) -> bytes:
    """The whole body. Refused: too large, compressed, of no type, or of another length than was said.

    From here on the length is what it is: of a body sent in chunks nothing is said, and it would be taken for none.
    """
    try:
        body = request.body
    except RequestDataTooBig:
        raise PayloadTooLarge from None
    if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise PayloadTooLarge
    said = request.META.get("CONTENT_LENGTH") or ""
    if said and said != str(len(body)):
        raise ParseError(f"the body has {len(body)} bytes, and Content-Length says {said[:20]}")
    request.META["CONTENT_LENGTH"] = str(len(body))
    if body:
        _check_form(request)
    return body


def _check_form(request: HttpRequest) -> None:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(encoding, f"the body is encoded as {encoding[:40]!r}: send it as it is")
    if not request.META.get("CONTENT_TYPE"):
        raise UnsupportedMediaType("", "the body has no Content-Type: send application/json")
