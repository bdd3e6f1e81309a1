"""The token of a claim: who sends it is who the claim was answered to. It fences every write by the claim's epoch."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

_LENGTH = 40


def of(execution_id: UUID, epoch: int) -> str:
    """The token of a claim."""
    return f"{epoch}.{_signature(settings.SECRET_KEY, execution_id, epoch)}"


def epoch_of(execution_id: UUID, token: str) -> int | None:
    """The epoch of the claim that a token is of; None if it is none of this execution."""
    number, _, signature = token.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    epoch = int(number)
    known = (_signature(key, execution_id, epoch) for key in _keys())
    return epoch if any(hmac.compare_digest(each.encode(), signature.encode()) for each in known) else None


def _keys() -> Iterable[str]:
    return [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _signature(key: str, execution_id: UUID, epoch: int) -> str:
    return hmac.digest(key.encode(), f"claim:{execution_id}:{epoch}".encode(), "sha256").hex()[:_LENGTH]
