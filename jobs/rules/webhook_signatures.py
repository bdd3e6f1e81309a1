"""What proves that an inbound webhook is its sender's.

    standard   webhook-id, webhook-timestamp, webhook-signature: ``v1,<base64 of HMAC-SHA256 over id.timestamp.body>``
    github     X-Hub-Signature-256: ``sha256=<hex of HMAC-SHA256 over body>``; X-GitHub-Delivery names the delivery
    none       nothing: who knows the address may

Compared in constant time, and with every secret that is good, so that both of a rotation work. A timestamp may be off by
five minutes; within them the id keeps a captured delivery from counting twice. GitHub signs neither time nor id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

#: How far a delivery's timestamp may be from our clock.
TOLERANCE = timedelta(minutes=5)
PREFIX = "whsec_"
#: Bytes of a key of the standard scheme, and characters of any other.
SHORTEST_KEY, LONGEST_KEY = 24, 64
SHORTEST_TEXT, LONGEST_TEXT = 16, 200
_MOST_SIGNATURES = 10
_ID = re.compile(r"[ -~]{1,255}")
_STAMP = re.compile(r"\d{1,11}", re.ASCII)


class Scheme(StrEnum):
    """How deliveries are signed."""

    STANDARD = "standard"
    GITHUB = "github"
    NONE = "none"


class BadSignature(ValueError):
    """A delivery that is not proven. The message is for the hook's owner, not for whoever sent it."""


def new_secret(scheme: Scheme) -> str:
    """A random one, as senders take it."""
    if scheme is Scheme.STANDARD:
        return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def check_secret(scheme: Scheme, text: str) -> None:
    """Raises ValueError with what a secret must be."""
    if scheme is Scheme.NONE:
        raise ValueError("has no meaning without a signature: leave it out, or choose another scheme")
    if scheme is Scheme.STANDARD:
        _key(text)
    elif not (SHORTEST_TEXT <= len(text) <= LONGEST_TEXT and text.isascii() and text.isprintable()):
        raise ValueError(f"must be {SHORTEST_TEXT} to {LONGEST_TEXT} printable ASCII characters")


def verify(scheme: Scheme, good: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The delivery's id, empty where it has none. Header names are in lower case. Raises :class:`BadSignature`."""
    if scheme is Scheme.STANDARD:
        return _standard(good, headers, body, now)
    if scheme is Scheme.GITHUB:
        _compare(_github(good, body), [headers.get("x-hub-signature-256", "")], "X-Hub-Signature-256")
        return _named(headers.get("x-github-delivery", ""))
    return _named(headers.get("webhook-id", ""))


def _standard(good: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    named, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(named) or not _STAMP.fullmatch(stamp):
        raise BadSignature("webhook-id or webhook-timestamp is missing, or cannot be read")
    signed = f"{named}.{stamp}.".encode() + body
    expected = ["v1," + base64.b64encode(hmac.digest(_key(text), signed, hashlib.sha256)).decode() for text in good]
    _compare(expected, headers.get("webhook-signature", "").split()[:_MOST_SIGNATURES], "webhook-signature")
    if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE:
        raise BadSignature(f"webhook-timestamp is more than {TOLERANCE.seconds // 60} minutes from the time here")
    return named


def _github(good: Sequence[str], body: bytes) -> list[str]:
    return ["sha256=" + hmac.digest(text.encode(), body, hashlib.sha256).hex() for text in good]


def _compare(expected: Sequence[str], sent: Sequence[str], header: str) -> None:
    """All are compared, so that it does not show which one was near."""
    if not any(sent):
        raise BadSignature(f"{header} is missing")
    found = False
    for mine in expected:
        for theirs in sent:
            found |= hmac.compare_digest(mine.encode(), theirs.encode(errors="surrogatepass"))
    if not found:
        raise BadSignature(f"{header} is not made with this hook's secret over this body")


def _named(text: str) -> str:
    if text and not _ID.fullmatch(text):
        raise BadSignature("the delivery's id cannot be read")
    return text


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"must be {PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} bytes in base64 behind it")
    return key
