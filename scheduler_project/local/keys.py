"""The secrets an installation makes up for itself, once."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from scheduler_project.local.home import write_private


def _new() -> str:
    # Hexadecimal, so that it needs no quoting in URLs and configuration files.
    return secrets.token_hex(24)


def _new_encryption_key() -> str:
    return secrets.token_hex(32)


@dataclass(frozen=True)
class Keys:
    """One secret for each purpose; the last three are the passwords of the database's roles."""

    secret_key: str = field(default_factory=_new, repr=False)
    encryption: str = field(default_factory=_new_encryption_key, repr=False)
    flower_cookie: str = field(default_factory=_new, repr=False)
    postgres: str = field(default_factory=_new, repr=False)
    redis: str = field(default_factory=_new, repr=False)
    owner: str = field(default_factory=_new, repr=False)
    app: str = field(default_factory=_new, repr=False)
    engine: str = field(default_factory=_new, repr=False)

    @property
    def roles(self) -> dict[str, str]:
        return {"owner": self.owner, "app": self.app, "engine": self.engine}


def load(path: Path) -> Keys:
    """The secrets in the file; what it lacks is made up and added."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    names = {known.name for known in fields(Keys)}
    keys = Keys(**{name: value for name, value in kept.items() if name in names})
    if asdict(keys) != kept:
        write_private(path, asdict(keys))
    return keys
