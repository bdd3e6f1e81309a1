"""How the token of a hook's address is made and hashed.

    hk_<43 characters: 256 random bits>

Only its hash is stored, keyed like that of an API key: who reads the database can send nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_SHAPE = re.compile(r"hk_[0-9A-Za-z_-]{43}")
_HINT = 8


def new_token() -> str:
    """A new random one."""
    return f"hk_{secrets.token_urlsafe(32)}"


def hint(token: str) -> str:
    """How it begins, to tell it from others."""
    return token[:_HINT]


def digest(token: str, pepper: str) -> bytes | None:
    """What is stored of it; None of a text that cannot be one."""
    if not _SHAPE.fullmatch(token):
        return None
    return hmac.digest(pepper.encode(), f"hook:{token}".encode(), hashlib.sha256)
