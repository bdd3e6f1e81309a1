"""How values are sealed: AES-256-GCM under random nonces, bound to what they belong to.

    installation key ──wraps──► data key of a tenant ──seals──► a version of a secret

What is sealed opens only with the same ``bound`` texts, so that a row copied over another one, of
whichever tenant, secret or version, fails to open. An installation key is named by a hash of itself:
no name can be given to two of them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY = re.compile(r"[0-9a-f]{64}")
#: One purpose cannot be taken for another.
_WRAPPING, _SEALING = "carillon.data-key", "carillon.secret"


class CannotOpen(Exception):
    """Another key, or bound to something else, or damaged."""


@dataclass(frozen=True)
class Key:
    """An installation key."""

    id: str
    material: bytes = field(repr=False)


@dataclass(frozen=True)
class Ring:
    """The installation's keys. The first wraps; all of them unwrap."""

    keys: Sequence[Key]

    @property
    def first(self) -> Key:
        return self.keys[0]

    def wrap(self, data_key: bytes, tenant: str) -> tuple[str, bytes]:
        """The id of the key used, and the wrapped data key."""
        return self.first.id, _encrypt(self.first.material, data_key, (_WRAPPING, self.first.id, tenant))

    def unwrap(self, key_id: str, wrapped: bytes, tenant: str) -> bytes:
        """The data key; CannotOpen if none of ours opens it."""
        known: Mapping[str, Key] = {key.id: key for key in self.keys}
        if key_id not in known:
            raise CannotOpen(f"it is wrapped with the key {key_id}, which is not among {', '.join(known)}")
        return _decrypt(known[key_id].material, wrapped, (_WRAPPING, key_id, tenant))


def ring(text: str) -> Ring:
    """Keys as the environment holds them, with commas between; ValueError says what is wrong, and quotes none."""
    keys = [part.strip().lower() for part in text.split(",") if part.strip()]
    if not keys or not all(map(_KEY.fullmatch, keys)):
        raise ValueError("must be one or more keys of 64 hexadecimal digits each, with commas between")
    if len(set(keys)) < len(keys):
        raise ValueError("names the same key twice")
    return Ring([Key(_id(bytes.fromhex(key)), bytes.fromhex(key)) for key in keys])


def new_data_key() -> bytes:
    """A random data key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(data_key: bytes, plain: bytes, bound: Sequence[str]) -> bytes:
    """Nonce and ciphertext."""
    return _encrypt(data_key, plain, (_SEALING, *bound))


def unseal(data_key: bytes, sealed: bytes, bound: Sequence[str]) -> bytes:
    """What was sealed under the same key and for the same ``bound``; else CannotOpen."""
    return _decrypt(data_key, sealed, (_SEALING, *bound))


def _id(material: bytes) -> str:
    return hashlib.sha256(b"carillon.key-id\0" + material).hexdigest()[:16]


def _encrypt(key: bytes, plain: bytes, bound: Sequence[str]) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _associated(bound))


def _decrypt(key: bytes, sealed: bytes, bound: Sequence[str]) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _associated(bound))
    except (InvalidTag, ValueError):
        raise CannotOpen("it is damaged, or belongs to another row") from None


def _associated(bound: Sequence[str]) -> bytes:
    # None of the parts holds a NUL, so no two lists of them are alike.
    return "\0".join(bound).encode()
