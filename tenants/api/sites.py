"""Where people reach the web process, for links that are mailed or shown."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def of(request: HttpRequest) -> str:
    """CARILLON_URL, or what the request was sent to, whose host is one of ours."""
    return str(settings.PUBLIC_URL) or f"{request.scheme}://{request.get_host()}"
