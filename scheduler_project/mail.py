"""Django's settings of mail, from one URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: Nobody's request waits longer for a mail server.
_TIMEOUT = 10
_PORTS = {"smtp": 25, "smtps": 465}


def settings(url: str, *, sender: str) -> dict[str, Any]:
    """Of ``smtp://user:password@host:port?tls=1`` or ``smtps://…``; without a URL no mail is sent."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ImproperlyConfigured("CARILLON_EMAIL_URL must look like smtp://user:password@host:587?tls=1")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or _PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parse_qs(parts.query).get("tls") == ["1"],
        "EMAIL_TIMEOUT": _TIMEOUT,
        "DEFAULT_FROM_EMAIL": sender,
    }
