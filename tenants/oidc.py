"""Logging in to the console by an OpenID provider: mozilla-django-oidc, with what it leaves open closed.

The code flow with state, nonce and PKCE. The library checks a token's signature and nonce alone: audience, issuer,
times and the algorithm are checked here. What we ask goes to the addresses of the settings and follows no redirect.

The provider says who somebody is, never what they may do: a person must exist here already, with that e-mail
address, which the provider must have verified. Nobody is made, and no claim gives a role.
"""

from __future__ import annotations

import json
from typing import Any

import jwt
import requests as http
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from tenants import context, errors, limits
from tenants.models import User
from tenants.services import logins

_MOST_BYTES = 256 * 1024
_PATIENCE = (3.0, 5.0)
_NEEDED = ["iss", "aud", "exp", "iat", "sub", "nonce"]
_BAD = (SuspiciousOperation, http.RequestException, jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError)


class Provider(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Turns what the provider answers into a person."""

    def authenticate(self, request: HttpRequest | None, **kwargs: Any) -> User | None:
        # Log-ins by password pass here too, and what their query says is nobody's answer to a question of ours.
        if not kwargs.get("nonce") or not kwargs.get("code_verifier"):
            return None
        found: User | None = super().authenticate(request, **kwargs)
        return found

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        return _ask("POST", self.OIDC_OP_TOKEN_ENDPOINT, data=payload)

    def retrieve_matching_jwk(self, token: str) -> Any:
        """The provider's signing key that the token names, if it is of the algorithm that is taken."""
        wanted = jwt.get_unverified_header(token).get("kid")
        kind = {"R": "RSA", "E": "EC"}[self.OIDC_RP_SIGN_ALGO[0]]
        for key in _ask("GET", self.OIDC_OP_JWKS_ENDPOINT)["keys"]:
            fits = key.get("kty") == kind and key.get("use", "sig") == "sig"
            if fits and key.get("kid") == wanted and key.get("alg", self.OIDC_RP_SIGN_ALGO) == self.OIDC_RP_SIGN_ALGO:
                return jwt.PyJWK(key, algorithm=self.OIDC_RP_SIGN_ALGO)
        raise SuspiciousOperation("the token names no key of the provider's")

    def _verify_jws(self, payload: str, key: Any) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            payload,
            key,
            algorithms=[self.OIDC_RP_SIGN_ALGO],
            audience=self.OIDC_RP_CLIENT_ID,
            issuer=settings.OIDC_ISSUER,
            leeway=30,
            options={"require": _NEEDED},
        )
        if claims.get("azp", self.OIDC_RP_CLIENT_ID) != self.OIDC_RP_CLIENT_ID:
            raise SuspiciousOperation("the token is another client's")
        return claims

    def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """What the signed token says: nothing more is asked."""
        return payload

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        return isinstance(claims.get("email"), str) and claims.get("email_verified") is True

    def filter_users_by_claims(self, claims: dict[str, Any]) -> QuerySet[User]:
        return User.objects.filter(email=claims["email"].lower(), is_active=True)

    def get_user(self, user_id: Any) -> User | None:
        # The library's own would go on with somebody who was disabled.
        return User.objects.filter(pk=user_id, is_active=True).first()


class Start(OIDCAuthenticationRequestView):  # type: ignore[misc]
    """Sends the browser to the provider."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            limits.take_anonymous(must=True)
        except errors.ServiceError as refusal:
            return _refused(request, str(refusal))
        answer: HttpResponse = super().get(request)
        return answer


class Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """Where the provider sends the browser back to."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            limits.take_anonymous(must=True)
            answer: HttpResponse = super().get(request)
        except errors.ServiceError as refusal:
            return _refused(request, str(refusal))
        except _BAD:
            return self.login_failure()
        return answer

    def login_failure(self) -> HttpResponse:
        with context.within(context.NOBODY), transaction.atomic():
            logins.failed("", by=settings.OIDC_NAME)
        return _refused(
            self.request,
            f"{settings.OIDC_NAME} did not log you in: your address must be verified there, and known here. Ask an administrator.",
        )

    def login_success(self) -> HttpResponse:
        with context.within(context.NOBODY), transaction.atomic():
            logins.succeeded(self.user, by=settings.OIDC_NAME)
        answer: HttpResponse = super().login_success()
        return answer


def _refused(request: HttpRequest, message: str) -> HttpResponse:
    messages.error(request, message)
    return redirect("admin:login")


def _ask(method: str, url: str, **sent: Any) -> dict[str, Any]:
    """The provider's JSON answer, not for ever and not without end. Environment and netrc have no say."""
    with http.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, timeout=_PATIENCE, allow_redirects=False, stream=True, **sent)
        with answer:
            if answer.status_code != 200:
                raise SuspiciousOperation(f"the provider answered {answer.status_code}")
            body = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
    if len(body) > _MOST_BYTES:
        raise SuspiciousOperation("the provider answered too much")
    answered: dict[str, Any] = json.loads(body)
    return answered


def _if_configured(view: Any) -> Any:
    def answer(request: HttpRequest) -> HttpResponse:
        if not settings.OIDC_ISSUER:
            raise Http404
        answered: HttpResponse = view.as_view()(request)
        return answered

    # The provider is waited for; and what is refused is told to the audit trail.
    answer.outside_transaction = True  # type: ignore[attr-defined]
    return answer


start, callback = _if_configured(Start), _if_configured(Callback)
