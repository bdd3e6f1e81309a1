"""``Idempotency-Key``: a POST that may be sent again is done once, and answered again as it was answered first.

Who asks, whether their tenant works and whether they may is judged before, each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants import errors, reservations
from tenants.api.dry_runs import DRY_RUN
from tenants.requests import Actor

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_KEY = re.compile(r"[ -~]{1,255}")
DESCRIBED = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="Of your choice, new for each request and the same for its repetitions: it is done once. For 24 hours a "
    f"repetition gets the first answer with `{REPLAYED}: true`; another request under the key is refused (422).",
)


class Repeatable(APIView):
    """What views do about the header."""

    #: Actions whose answer holds a secret that is shown once: it is kept nowhere, so it cannot be told again.
    shows_secrets: ClassVar[Collection[str]] = ()
    _reserved: reservations.Reserved | None = None

    def takes_keys(self) -> bool:
        """Whether the current action may be repeated under a key."""
        known = bool(getattr(self, "authentication_classes", ()))
        return known and getattr(self, "action", None) not in self.shows_secrets

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        act = getattr(self, "post", None)
        if act and request.method == "POST" and HEADER in request.headers:
            self.post = partial(self._once, act)
        return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._reserved and response.status_code < 400:
            reservations.keep(self._reserved, self._rendered(response))
        return response

    def _once(self, act: Callable[..., Any], request: Request, *args: Any, **kwargs: Any) -> Any:
        key = self._key(request)
        if getattr(self, "query", {}).get(DRY_RUN.name):
            return act(request, *args, **kwargs)  # stores nothing, so there is nothing to do once
        assert isinstance(request.auth, Actor)
        found = reservations.reserve(actor=request.auth, key=key, request=_whole(request._request))
        if isinstance(found, reservations.Answer):
            return _again(found)
        self._reserved = found
        return act(request, *args, **kwargs)

    def _key(self, request: Request) -> str:
        if not self.takes_keys():
            why = "its answer is not kept, since it holds secrets or is given to whoever asks"
            raise errors.Invalid.about(HEADER, f"is not taken here: {why}. Send the request without it")
        key: str = request.headers[HEADER]
        if not _KEY.fullmatch(key):
            raise errors.Invalid.about(HEADER, "must be 1 to 255 printable ASCII characters")
        return key

    def _rendered(self, response: Any) -> reservations.Answer:
        if "no-store" in response.get("Cache-Control", ""):
            raise RuntimeError(f"{self} must name the action whose answer nobody may store in shows_secrets")
        response.render()
        return reservations.Answer(response.status_code, dict(response.items()), response.content)


def _whole(request: HttpRequest) -> bytes:
    """All that a request asks: method, path, query, body."""
    return f"{request.method} {request.get_full_path()}\0".encode() + request.body


def _again(answer: reservations.Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, headers={**answer.headers, REPLAYED: "true"})
    if "Content-Type" not in answer.headers:
        del response["Content-Type"]
    return response
