"""Why somebody does what ends or undoes something."""

from __future__ import annotations

from jobs import errors
from tenants import requests


def stated(given: str) -> str:
    """What was given, or else what the request says of itself; refused if neither is, or it is no line of text."""
    reason = given.strip() or requests.current().reason
    if not reason:
        raise errors.invalid({"reason": ["say why, for the audit trail"]})
    if len(reason) > requests.LONGEST_REASON or not reason.isprintable():
        message = f"must have at most {requests.LONGEST_REASON} characters, and no control characters"
        raise errors.invalid({"reason": [message]})
    return reason
