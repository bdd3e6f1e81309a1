"""Headers of the console's answers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

#: The console, and the page where somebody joins it.
PREFIXES = ("/admin/", "/invitations/")
# Everything comes from here, and nobody frames it. Two concessions to the theme: its Alpine compiles
# expressions found in attributes ('unsafe-eval'), and it writes its colours into a style element
# ('unsafe-inline' for styles). Scripts inside a page are refused, so stored markup stays text.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class ConsoleHeaders:
    """Puts the console under a content security policy of its own; the API never answers with a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PREFIXES):
            response.headers.setdefault("Content-Security-Policy", POLICY)  # a file that is saved has a stricter one
        return response
