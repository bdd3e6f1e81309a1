"""Log-ins at the console by an OpenID provider, over real HTTP: what it must have said, and by which key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from tests.support import console, openid, people, rows
from tests.support.openid import Provider

CALLBACK = "/admin/oidc/callback"
#: An instant that does not change from one test process to the next.
LONG_AGO = 1_600_000_000


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with openid.provider() as running:
        for name, value in running.settings().items():
            setattr(settings, name, value)
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, "tenants.oidc.Provider"]
        person = console.person()
        running.claims["email"] = person.email
        running.person = person  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def browser() -> Client:
    return Client(REMOTE_ADDR=people.address())


def is_in(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200


def refused(browser: Client, answer: Any) -> bool:
    """Sent back to the log-in page, which says why."""
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    assert "Test SSO did not log you in" in browser.get("/admin/login/").content.decode()
    return not is_in(browser)


def test_the_log_in_page_has_a_button_if_there_is_a_provider(
    provider: Provider, browser: Client, settings: Any
) -> None:
    assert "Log in with Test SSO" in browser.get("/admin/login/").content.decode()
    settings.OIDC_ISSUER = ""
    assert "oidc" not in browser.get("/admin/login/").content.decode()
    assert browser.get("/admin/oidc/start").status_code == browser.get(CALLBACK).status_code == 404


def test_who_is_known_here_and_verified_there_is_logged_in(provider: Provider, browser: Client) -> None:
    provider.claims["email"] = provider.claims["email"].upper()
    answer = openid.log_in(browser, provider)
    assert answer["Location"] == "/admin/"
    assert is_in(browser)
    found = rows.fetch("SELECT action, changes FROM audit_event WHERE actor = %s", f"user:{provider.person.email}")  # type: ignore[attr-defined]
    assert found == [("person.logged_in", {"by": [None, "Test SSO"], "at": [None, "console"]})]


def test_the_code_is_asked_for_with_state_nonce_and_a_challenge_that_the_verifier_meets(
    provider: Provider, browser: Client
) -> None:
    sent = openid.begin(browser)
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["state"]) >= 32
    assert len(sent["nonce"]) >= 32
    provider.will_answer(sent["nonce"])
    browser.get(CALLBACK, {"code": "abc", "state": sent["state"]})
    asked = provider.asked_for_token()
    assert openid.challenge_of(asked["code_verifier"]) == sent["code_challenge"]
    assert (asked["code"], asked["client_secret"]) == ("abc", openid.SECRET)
    assert asked["redirect_uri"].endswith(CALLBACK)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": None}, {"aud": [openid.CLIENT, "x"], "azp": "x"},
        {"iss": "https://evil.example"}, {"iss": None}, {"exp": LONG_AGO}, {"exp": None}, {"iat": None},
        {"sub": None}, {"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email": None},
        {"email": "nobody@example.com"}, {"email": ["a@example.com"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_says_anything_else_is_refused(
    provider: Provider, browser: Client, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    assert refused(browser, openid.log_in(browser, provider))


def _public(provider: Provider) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return provider.key.public_key().public_bytes(serialization.Encoding.PEM, kind)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "way", ["none", "secret", "public key as secret", "another key", "another kid", "no kid", "RS512"]
)
def test_a_token_signed_in_any_other_way_is_refused(provider: Provider, browser: Client, way: str) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.signing = {
        "none": {"key": None, "algorithm": "none"},
        "secret": {"key": openid.SECRET, "algorithm": "HS256"},
        "public key as secret": {"hmac": _public(provider)},
        "another key": {"key": other},
        "another kid": {"headers": {"kid": "two"}},
        "no kid": {"headers": {}},
        "RS512": {"algorithm": "RS512"},
    }[way]
    assert refused(browser, openid.log_in(browser, provider))


def test_keys_of_another_kind_are_not_taken(provider: Provider, browser: Client) -> None:
    secret = jwt.utils.base64url_encode(b"x" * 32).decode()
    provider.shows([{"kty": "oct", "k": secret, "kid": "one"}])
    provider.signing = {"key": "x" * 32, "algorithm": "HS256"}
    assert refused(browser, openid.log_in(browser, provider))


def test_a_state_that_is_not_this_browsers_or_was_used_is_refused(provider: Provider, browser: Client) -> None:
    assert refused(browser, openid.log_in(browser, provider, state="invented"))
    elsewhere = openid.begin(Client(REMOTE_ADDR=people.address()))
    provider.will_answer(elsewhere["nonce"])
    assert refused(browser, browser.get(CALLBACK, {"code": "abc", "state": elsewhere["state"]}))
    sent = openid.begin(browser)
    provider.will_answer(sent["nonce"])
    assert browser.get(CALLBACK, {"code": "abc", "state": sent["state"]})["Location"] == "/admin/"
    browser.logout()
    assert refused(browser, browser.get(CALLBACK, {"code": "abc", "state": sent["state"]}))


@pytest.mark.parametrize(
    "back", [{}, {"error": "access_denied"}, {"code": "x"}, {"state": "x"}, {"code": "x", "state": "\0"}]
)
def test_coming_back_with_anything_else_is_refused(provider: Provider, browser: Client, back: dict[str, str]) -> None:
    openid.begin(browser)
    assert refused(browser, browser.get(CALLBACK, back))


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500}, {"status": 302, "headers": {"Location": "/elsewhere"}}, {"body": b"nonsense"}, {"body": b"[]"},
        {"body": b"{}"}, {"body": b'{"id_token": null}'}, {"body": b'{"id_token": "a.b.c"}'}, {"body": b"x" * 300_000},
    ],
    ids=lambda answer: str(answer)[:40],
)  # fmt: skip
def test_a_provider_that_answers_nonsense_logs_nobody_in(
    provider: Provider, browser: Client, answer: dict[str, Any]
) -> None:
    sent = openid.begin(browser)
    provider.server.answer("/token", **answer)
    assert refused(browser, browser.get(CALLBACK, {"code": "abc", "state": sent["state"]}))
    assert not [request for request in provider.server.requests if request.path == "/elsewhere"]


def test_who_may_not_log_in_is_not_logged_in_nor_made(provider: Provider, browser: Client) -> None:
    person = console.person()
    rows.change("UPDATE person SET is_active = false WHERE id = %s", person.pk)
    provider.claims["email"] = person.email
    assert refused(browser, openid.log_in(browser, provider))
    provider.claims["email"] = "new@example.com"
    assert refused(browser, openid.log_in(browser, provider))
    assert rows.fetch("SELECT count(*) FROM person WHERE email = 'new@example.com'") == [(0,)]


def test_a_person_who_is_disabled_is_out_at_the_next_click(provider: Provider, browser: Client) -> None:
    openid.log_in(browser, provider)
    assert is_in(browser)
    rows.change("UPDATE person SET is_active = false WHERE id = %s", provider.person.pk)  # type: ignore[attr-defined]
    assert not is_in(browser)


def test_a_log_in_by_password_asks_no_provider_whatever_its_query(provider: Provider, browser: Client) -> None:
    for path in ("/admin/login/", "/api/v1/auth/token"):
        form = {"username": "a@example.com", "password": "x"}
        body = form if path.startswith("/admin") else {"email": "a@example.com", "password": "x"}
        kind = {} if path.startswith("/admin") else {"content_type": "application/json"}
        browser.post(f"{path}?state=x&code=y", body, **kind)
    assert provider.server.requests == []


def test_after_logging_out_the_page_leads_to_the_providers_log_out(
    provider: Provider, browser: Client, settings: Any
) -> None:
    settings.OIDC_LOGOUT_URL = "https://sso.example.com/logout"
    openid.log_in(browser, provider)
    page = browser.post("/admin/logout/").content.decode()
    assert 'href="https://sso.example.com/logout"' in page
    assert not is_in(browser)
