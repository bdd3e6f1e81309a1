"""The tokens of people: JSON Web Tokens, made and checked by simplejwt, each claim of which must be there.

One algorithm and one key (``settings.SIMPLE_JWT``): what a token's header says about either is never followed.
A token names the person, their log-in and its tenant. What they may do is not in it: that is read at each request.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.exceptions import TokenError

from tenants import errors
from tenants.models import LoginSession
from tenants.rules import sessions

_NEEDED = ("aud", "iss", "exp", "nbf", "iat", "jti", "sub", "sid", "tenant")


class BadToken(errors.Unauthenticated):
    """This token is not, or no longer, good: refresh it, or log in again at /api/v1/auth/token."""


class _Checked(tokens.Token):
    """Every claim must be there; simplejwt itself asks for few."""

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        super().set_iat(claim, at_time)
        self.payload["nbf"] = self.payload[claim]

    def verify(self) -> None:
        super().verify()
        if any(not isinstance(self.payload.get(claim), str | int) for claim in _NEEDED):
            raise TokenError("a claim is missing")
        try:
            UUID(self.payload["sid"])
        except (ValueError, AttributeError, TypeError):
            raise TokenError("no session") from None


class Access(_Checked):
    """What API requests carry."""

    token_type = "access"  # noqa: S105
    lifetime = sessions.ACCESS


class Refresh(_Checked):
    """What new tokens are made for, once."""

    token_type = "refresh"  # noqa: S105
    lifetime = sessions.IDLE


def access(session: LoginSession) -> str:
    """A new access token of a log-in."""
    return str(_of(session, Access()))


def refresh(session: LoginSession) -> Refresh:
    """A new refresh token, good for as long as its log-in."""
    token: Refresh = _of(session, Refresh())
    token["exp"] = int(session.expires_at.timestamp())
    return token


def _of(session: LoginSession, token: Any) -> Any:
    token["sub"] = str(session.person_id)
    token["sid"] = str(session.pk)
    token["tenant"] = str(session.home_id or "")
    return token


def read(text: str, kind: type[_Checked]) -> dict[str, Any]:
    """The claims of a token of this kind.

    Raises:
        Unauthenticated: whatever is wrong with it, in the same words: what is told helps whoever forges.
    """
    try:
        return dict(kind(text).payload)  # type: ignore[arg-type]
    except (TokenError, ValueError, TypeError, OverflowError, RecursionError):
        raise BadToken from None
