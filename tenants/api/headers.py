"""The headers of answers, for the description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "string"}
_REQUEST_ID = {
    "X-Request-Id": {
        "description": "The request's own, if it sent a sane one; it is in the server's log and the audit trail.",
        "schema": _TEXT,
        "required": True,
    }
}
#: Of answers to what was counted, see tenants.limits.
_RATE = {
    "RateLimit-Policy": {
        "description": 'The tightest limit that this request met: `"key";q=1000;w=1` is 1000 requests in 1 second.',
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": 'What is left of it: `"key";r=999;t=1` is 999 requests; full again in 1 second.',
        "schema": _TEXT,
    },
}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}, "required": True}
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "`Bearer`, for who sent nothing that is good.",
        "schema": _TEXT,
        "required": True,
    }
}
_LOCATION = {
    "Location": {
        "description": "The path of what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
        "required": True,
    }
}
_TAG = {"ETag": {"description": "Stands for its definition and state: see If-Match.", "schema": _TEXT}}
_OF_STATUS: Mapping[str, Mapping[str, Any]] = {"401": _CHALLENGE, "429": _RETRY_AFTER, "503": _RETRY_AFTER}


def of(status: str, *, located: bool, tagged: bool) -> dict[str, Any]:
    """Those of an answer with that status, described by name."""
    own = {**(_LOCATION if located else {}), **(_TAG if tagged else {})}
    return {**_OF_STATUS.get(status, {}), **own, **_REQUEST_ID, **_RATE}
