"""Where the API counts requests: once each, after it is known who asks, and before anything is done for them.

A good request costs one round trip to Redis, and so does one whose credentials are refused. DRF's own throttles
read and write a cache in two steps, so that requests at the same moment pass together; ours are a script in Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tenants import errors, limits
from tenants.requests import Actor
from tenants.rules import api_keys

if TYPE_CHECKING:  # DRF's views load this class while they are being loaded themselves
    from rest_framework.views import APIView


class Counted(BaseThrottle):
    """The throttle of every view: of a key or person and their tenant, or of nobody in particular; and of the address."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if getattr(request, "counted", False):
            return True
        request.counted = True  # type: ignore[attr-defined]
        must = getattr(view, "action", None) in getattr(view, "must_be_counted", ())
        if isinstance(request.auth, Actor):
            limits.take_request(request.auth, must=must)
        else:
            limits.take_anonymous(must=must)
        return True


@contextmanager
def guesses_counted(request: Request) -> Iterator[None]:
    """Around authentication: what is refused in it is counted, and too much of it is not looked at any more."""
    names = (*api_keys.HEADERS, "Authorization")
    sent = "\n".join(text for name in names if (text := request.headers.get(name)))
    if not sent:
        yield
        return
    limits.refuse_guessing(sent)
    try:
        yield
    except errors.ServiceError:
        limits.take_failure()
        raise
    limits.found_good(sent)
