"""Inbound signatures, made here by other means than those that check them."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from jobs.rules import hook_tokens, webhook_signatures
from jobs.rules.webhook_signatures import BadSignature, Scheme

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"total": 120.5}'
OLD, NEW = (webhook_signatures.new_secret(Scheme.STANDARD) for _ in range(2))


def hmac_by_hand(key: bytes, text: bytes) -> bytes:
    """RFC 2104, without the library that is used."""
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def standard(secret: str = NEW, body: bytes = BODY, stamp: str = STAMP, named: str = "msg_1") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = base64.b64encode(hmac_by_hand(key, f"{named}.{stamp}.".encode() + body)).decode()
    return {"webhook-id": named, "webhook-timestamp": stamp, "webhook-signature": f"v1,{made}"}


def github(secret: str = "a long enough secret", body: bytes = BODY) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hmac_by_hand(secret.encode(), body).hex()}", "x-github-delivery": "d-1"}


def test_openssl_makes_the_same_as_the_test():
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + b"a key".hex(), "-binary"],
        input=BODY, capture_output=True, check=True,
    )  # fmt: skip
    assert made.stdout == hmac_by_hand(b"a key", BODY)


@pytest.mark.parametrize("good", [[NEW], [NEW, OLD], [OLD, NEW]])
def test_a_standard_delivery_is_proven_by_any_secret_that_is_good(good):
    assert webhook_signatures.verify(Scheme.STANDARD, good, standard(), BODY, NOW) == "msg_1"


def test_one_of_several_signatures_is_enough():
    both = standard(OLD)["webhook-signature"] + " " + standard()["webhook-signature"] + " v2,unknown"
    headers = {**standard(), "webhook-signature": both}
    assert webhook_signatures.verify(Scheme.STANDARD, [NEW], headers, BODY, NOW) == "msg_1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        standard(OLD),
        standard(body=b"{}"),
        {**standard(), "webhook-id": "msg_2"},
        {**standard(), "webhook-timestamp": str(int(STAMP) + 1)},
        {**standard(), "webhook-timestamp": "soon"},
        {**standard(), "webhook-timestamp": "9" * 30},
        {**standard(), "webhook-signature": ""},
        {**standard(), "webhook-signature": standard()["webhook-signature"].removeprefix("v1,")},
        {**standard(), "webhook-signature": "v1,ÿ"},
        {**standard(named="a" * 256)},
    ],
)
def test_a_standard_delivery_that_differs_in_anything_is_not_proven(headers):
    with pytest.raises(BadSignature):
        webhook_signatures.verify(Scheme.STANDARD, [NEW], headers, BODY, NOW)


@pytest.mark.parametrize(("off", "proven"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_captured_delivery_is_good_for_five_minutes(off, proven):
    headers = standard(stamp=str(int((NOW + timedelta(seconds=off)).timestamp())))
    if proven:
        assert webhook_signatures.verify(Scheme.STANDARD, [NEW], headers, BODY, NOW)
    else:
        with pytest.raises(BadSignature, match="5 minutes"):
            webhook_signatures.verify(Scheme.STANDARD, [NEW], headers, BODY, NOW)


def test_githubs_signature_is_over_the_body_alone():
    assert webhook_signatures.verify(Scheme.GITHUB, ["a long enough secret"], github(), BODY, NOW) == "d-1"
    for headers, body in ((github(), b"{}"), (github("another secret here"), BODY), ({}, BODY)):
        with pytest.raises(BadSignature):
            webhook_signatures.verify(Scheme.GITHUB, ["a long enough secret"], headers, body, NOW)


def test_without_any_secret_nothing_is_proven():
    for scheme, headers in ((Scheme.STANDARD, standard()), (Scheme.GITHUB, github())):
        with pytest.raises(BadSignature):
            webhook_signatures.verify(scheme, [], headers, BODY, NOW)


def test_an_unsigned_hook_takes_whatever_comes_and_its_id():
    assert webhook_signatures.verify(Scheme.NONE, [], {"webhook-id": "7"}, BODY, NOW) == "7"
    assert webhook_signatures.verify(Scheme.NONE, [], {}, BODY, NOW) == ""


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        (Scheme.STANDARD, "whsec_short"),
        (Scheme.STANDARD, "whsec_" + "A" * 200),
        (Scheme.STANDARD, "not base64, not base64, not base64!"),
        (Scheme.GITHUB, "short"),
        (Scheme.GITHUB, "x" * 201),
        (Scheme.GITHUB, "with a line\nin between it"),
        (Scheme.NONE, "whatever it may be, it is nothing"),
    ],
)
def test_secrets_that_would_not_do_are_refused(scheme, secret):
    with pytest.raises(ValueError, match=r"must|no meaning"):
        webhook_signatures.check_secret(scheme, secret)


def test_secrets_that_are_made_would_do():
    for scheme in (Scheme.STANDARD, Scheme.GITHUB):
        webhook_signatures.check_secret(scheme, webhook_signatures.new_secret(scheme))


def test_tokens_are_found_by_their_hash_alone():
    token = hook_tokens.new_token()
    assert hook_tokens.digest(token, "pepper") not in (None, hook_tokens.digest(token, "other"))
    assert hook_tokens.digest(f"{token}x", "pepper") is None
    assert hook_tokens.hint(token) == token[:8]
