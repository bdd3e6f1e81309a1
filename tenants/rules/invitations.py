"""How the token of an invitation is made and hashed, and how long it is good.

    inv_<43 characters: 256 random bits>

Only its hash is stored, keyed like that of an API key: who reads the database can accept nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

LASTS = timedelta(days=7)
#: So many wrong passwords end an invitation: its link is no way to try out somebody's.
MOST_FAILURES = 10
_SHAPE = re.compile(r"inv_[0-9A-Za-z_-]{43}")


def new_token() -> str:
    """A new random one."""
    return f"inv_{secrets.token_urlsafe(32)}"


def digest(token: str, pepper: str) -> bytes | None:
    """What is stored of it; None of a text that cannot be one."""
    if not _SHAPE.fullmatch(token):
        return None
    return hmac.digest(pepper.encode(), f"invitation:{token}".encode(), hashlib.sha256)
