"""A small OpenID provider over real HTTP: keys, tokens, and every way to answer wrongly.

with openid.provider() as provider:
    ...  # the settings of provider.settings(); then a browser's way: openid.log_in(client, provider)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import http_server

CLIENT, SECRET = "carillon", "the client's secret"


class Provider:
    """One provider. ``claims`` and ``signing`` change what its next token says and how it is signed."""

    def __init__(self, server: http_server.HttpServer) -> None:
        self.server = server
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.issuer = server.url("").rstrip("/")
        self.claims: dict[str, Any] = {}
        self.signing: dict[str, Any] = {}
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        self.shows([{**public, "kid": "one", "use": "sig", "alg": "RS256"}])

    def shows(self, keys: list[dict[str, Any]]) -> None:
        """Its published keys."""
        self.server._answers.pop("/keys", None)
        self.server.answer("/keys", body=json.dumps({"keys": keys}).encode())

    def settings(self) -> dict[str, Any]:
        """What Carillon is told of it."""
        return {
            "OIDC_ISSUER": self.issuer, "OIDC_NAME": "Test SSO", "OIDC_RP_CLIENT_ID": CLIENT, "OIDC_RP_CLIENT_SECRET": SECRET,
            "OIDC_OP_AUTHORIZATION_ENDPOINT": f"{self.issuer}/authorize", "OIDC_OP_TOKEN_ENDPOINT": f"{self.issuer}/token",
            "OIDC_OP_JWKS_ENDPOINT": f"{self.issuer}/keys",
        }  # fmt: skip

    def issues(self, nonce: str) -> str:
        """An ID token."""
        now = int(time.time())
        wanted = {
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "nonce": nonce, "email_verified": True,
            **self.claims,
        }  # fmt: skip
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if "hmac" in self.signing:
            return _by_hmac(wanted, self.signing["hmac"])
        signing = {"key": self.key, "algorithm": "RS256", "headers": {"kid": "one"}, **self.signing}
        return jwt.encode(wanted, **signing)

    def will_answer(self, nonce: str) -> None:
        """What the next code is worth."""
        body = {"access_token": "x", "token_type": "Bearer", "id_token": self.issues(nonce)}
        self.server._answers.pop("/token", None)
        self.server.answer("/token", body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def asked_for_token(self) -> dict[str, str]:
        """The form of the last request for a token."""
        sent = [request for request in self.server.requests if request.path == "/token"][-1]
        return {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}


def _by_hmac(claims: dict[str, Any], key: bytes) -> str:
    """What no library would sign: a token whose secret is everybody's."""
    header = {"alg": "HS256", "kid": "one", "typ": "JWT"}
    signed = ".".join(_part(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_part(hmac.digest(key, signed.encode(), 'sha256'))}"


def _part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@contextmanager
def provider() -> Iterator[Provider]:
    """A running provider."""
    with http_server.serving() as server:
        yield Provider(server)


def begin(client: Any) -> dict[str, str]:
    """Press the button; what the browser is sent to the provider with."""
    answer = client.get("/admin/oidc/start")
    assert answer.status_code == 302, answer.content
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def log_in(client: Any, at: Provider, **back: str) -> Any:
    """The whole way of a browser; ``back`` changes what it comes back with."""
    sent = begin(client)
    at.will_answer(sent["nonce"])
    return client.get("/admin/oidc/callback", {"code": "abc", "state": sent["state"], **back})


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    return _part(hashlib.sha256(verifier.encode()).digest())
