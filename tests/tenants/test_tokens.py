"""Tokens that were not made by us, for this, just now, are no tokens."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core import checks

from tests.support import people
from tests.support.people import bearer, code, quick_hashes  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("quick_hashes")
ME = "/api/v1/me"
KEY = settings.SIMPLE_JWT["SIGNING_KEY"]


@pytest.fixture
def person(owner: Any) -> people.Person:
    return people.member(owner.tenant, "admin")


@pytest.fixture
def good(person: people.Person) -> str:
    access: str = person.tokens()["access"]
    return access


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def made(token: str, *, key: str = KEY, algorithm: str = "HS256", headers: Any = None, **changed: Any) -> str:
    """The same token with other claims, or another key."""
    wanted = {name: value for name, value in {**claims(token), **changed}.items() if value is not None}
    return jwt.encode(wanted, key, algorithm=algorithm, headers=headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refused(token: str) -> bool:
    answer = bearer(token).get(ME)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    return code(answer) == (401, "UNAUTHENTICATED")


def test_the_forgers_own_tool_makes_good_tokens(good: str) -> None:
    assert bearer(made(good)).get(ME).status_code == 200


def test_no_algorithm_is_no_algorithm(good: str) -> None:
    body = good.split(".")[1]
    for name in ("none", "None", "nOnE", ""):
        header = part({"alg": name, "typ": "JWT"})
        for signature in ("", good.split(".")[2]):
            assert refused(f"{header}.{body}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_is_refused(good: str, algorithm: str) -> None:
    assert refused(made(good, algorithm=algorithm, key=KEY * 2 if algorithm == "x" else KEY))


def test_a_token_signed_by_rsa_is_refused_whatever_its_header_names(good: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    for headers in ({}, {"jwk": public}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/c"}):
        assert refused(made(good, key=pem, algorithm="RS256", headers=headers))


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' UNION SELECT 'x", "|id", "", "a\u0000b", "x" * 10_000])
def test_what_kid_says_is_never_followed(good: str, kid: str) -> None:
    for key in ("", "x", "\0"):
        header, body = part({"alg": "HS256", "kid": kid}), good.split(".")[1]
        assert refused(f"{header}.{body}.{part(key)}")
    assert bearer(made(good, headers={"kid": kid})).get(ME).status_code == 200  # signed by us, so whatever


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_another_key_is_refused(good: str) -> None:
    for key in ("x" * 64, settings.SECRET_KEY, KEY.upper(), KEY[:-1]):
        assert refused(made(good, key=key))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"}, {"aud": None}, {"aud": []}, {"iss": "another"}, {"iss": None}, {"exp": None}, {"nbf": None},
        {"iat": None}, {"jti": None}, {"sub": None}, {"sid": None}, {"tenant": None}, {"token_type": None},
        {"token_type": "refresh"}, {"sid": "x"}, {"sid": 1}, {"sid": ["x"]}, {"exp": "soon"}, {"exp": -1},
        {"sid": "0190a1b2-0000-7000-8000-000000000000"},
    ],
    ids=str,
)  # fmt: skip
def test_every_claim_must_be_there_and_right(good: str, changed: dict[str, Any]) -> None:
    assert refused(made(good, **changed))


def test_expired_and_not_yet_good_tokens_are_refused(good: str) -> None:
    now = datetime.now(UTC)
    assert refused(made(good, exp=now - timedelta(seconds=6)))
    assert refused(made(good, nbf=now + timedelta(minutes=1)))
    assert refused(made(good, iat=now + timedelta(minutes=1)))


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(person: people.Person) -> None:
    tokens = person.tokens()
    assert refused(tokens["refresh"])
    assert person.refresh(tokens["access"]).status_code == 401


def test_what_the_token_says_of_the_person_is_not_believed(good: str, outsider: Any) -> None:
    changed = made(good, sub="someone", tenant=str(outsider.tenant.id), role="admin", is_superuser=True)
    me = bearer(changed).get(ME).json()
    assert me["tenant"] != outsider.tenant.slug
    assert me["of_platform"] is False


def test_no_truncated_or_garbled_token_is_good(good: str) -> None:
    header, body, signature = good.split(".")
    pieces = [
        good[:-1],
        good[: len(good) // 2],
        f"{header}.{body}",
        f"{header}.{body}.",
        f".{body}.{signature}",
        f"{good}.x",
    ]
    pieces += [
        f"{header}.{part({'sub': 'x'})}.{signature}",
        "a.b.c",
        "...",
        "ey" * 5000,
        "[" * 20_000,
        good.replace("e", "é", 1),
    ]
    for piece in pieces:
        assert bearer(piece.encode().decode("latin-1")).get(ME).status_code == 401, piece[:40]


@pytest.mark.parametrize(
    "changed",
    [
        {"ALGORITHM": "none"}, {"ALGORITHM": "RS256"}, {"SIGNING_KEY": "short"}, {"SIGNING_KEY": settings.SECRET_KEY},
        {"AUDIENCE": None}, {"ISSUER": ""}, {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1)}, {"LEEWAY": 60},
        {"JWK_URL": "https://evil.example"}, {"JTI_CLAIM": None}, {"TOKEN_TYPE_CLAIM": None},
    ],
    ids=str,
)  # fmt: skip
def test_the_process_refuses_settings_that_weaken_tokens(settings: Any, changed: dict[str, Any]) -> None:
    def found() -> list[str | None]:
        return [problem.id for problem in checks.run_checks(tags=["security"])]

    assert "tenants.E002" not in found()
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, **changed}
    assert "tenants.E002" in found()
