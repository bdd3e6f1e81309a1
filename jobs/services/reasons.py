"""Why somebody does something, in their own words: where it must be said."""

from __future__ import annotations

from jobs import errors
from tenants import requests


def given(reason: str) -> str:
    """What is given with the request, or in its header; empty where neither says anything."""
    said = reason.strip() or requests.current().reason
    return required(said) if said else ""


def required(given: str) -> str:
    """What is given with the request, or in its header; refused where neither says anything."""
    reason = given.strip() or requests.current().reason
    if not reason:
        raise errors.invalid({"reason": ["say why, for the audit trail"]})
    if len(reason) > requests.LONGEST_REASON or not reason.isprintable():
        message = f"must have at most {requests.LONGEST_REASON} characters, and no control characters"
        raise errors.invalid({"reason": [message]})
    return reason
