"""How an API key is made, checked and hashed.

    ck_<12 characters: public id>_<32 characters: secret><6 characters: checksum>

Base 62 throughout: the secret has 190 bits, so a fast keyed hash is enough. The checksum lets a
leak scanner, and us, reject a mistyped key without a look-up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

#: What a key may come in beside Authorization: Bearer, in any letter case. The second is what executors are set up with.
HEADERS = ("X-API-Key", "X-Executor-Auth-Token")
ALPHABET = string.digits + string.ascii_letters
_SHAPE = re.compile(r"ck_([0-9A-Za-z]{12})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class Key:
    """A key in its parts. ``text`` is what the client sends."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        return f"ck_{self.key_id}_{self.secret}{_checksum(self.key_id + self.secret)}"

    def digest(self, pepper: str) -> bytes:
        """What is stored: HMAC-SHA256 of the secret under the installation's pepper."""
        return hmac.digest(pepper.encode(), f"{self.key_id}:{self.secret}".encode(), hashlib.sha256)


def generate() -> Key:
    """A new random key."""
    return Key(_random(12), _random(32))


def parse(text: str) -> Key | None:
    """The parts of a key, or None if it cannot be one."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    key = Key(match[1], match[2])
    return key if hmac.compare_digest(match[3], _checksum(key.key_id + key.secret)) else None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits
