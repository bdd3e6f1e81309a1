"""Rate limits low enough to be met, each test from addresses of its own."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.test import Client, override_settings

OFF = dict.fromkeys(("key", "tenant", "address", "anonymous", "failed", "login", "account", "everywhere"), "")


def only(**rates: str) -> Any:
    """These limits and no others, for a block or a test."""
    return override_settings(API_RATES={**OFF, **rates})


def installed() -> dict[str, str]:
    """What an installation has that sets nothing."""
    rates: dict[str, str] = settings.API_RATES
    return rates


def address() -> str:
    """One that no other test calls from."""
    return f"2001:db8:{secrets.randbits(16):x}:{secrets.randbits(16):x}::1"


class Caller:
    """Asks from an address, with a key or without."""

    def __init__(self, key: str = "", *, address_: str = "") -> None:
        self.address = address_ or address()
        headers = {"X-API-Key": key} if key else {}
        self._client = Client(headers=headers, raise_request_exception=False, REMOTE_ADDR=self.address)

    def ask(self, path: str = "jobs", method: str = "GET", body: str = "{}", **extra: Any) -> Any:
        """The answer."""
        return self._client.generic(method, f"/api/v1/{path}", body, content_type="application/json", **extra)

    def statuses(self, times: int, path: str = "jobs") -> list[int]:
        """Of so many requests."""
        return [self.ask(path).status_code for _ in range(times)]
