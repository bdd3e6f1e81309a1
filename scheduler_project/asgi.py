"""ASGI entry point: `uvicorn scheduler_project.asgi:application`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from scheduler_project import celery  # noqa: F401 - the app that rings and publishes
from tenants.api import event_streams
from tenants.api.event_streams import Late, Outlet

django.setup(set_prefix=False)


class Handler(ASGIHandler):
    """Runs middleware and view in one go, in the request's thread; only a streamed answer is the event loop's.

    All our middleware is synchronous. Django's own handler changes between thread and loop around each part of
    it, and that took half of the time of a request.

    A stream of events, or an answer that waits, is sent when its request is over: a request has a thread, and may have a
    connection.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        outlet = Outlet(send)
        await super().__call__(scope, receive, outlet)
        if outlet.stream is not None:
            await event_streams.serve(partial(super().send_response, outlet.stream), receive, send)

    async def send_response(self, response: Any, send: Any) -> None:
        if isinstance(response, Late) and isinstance(send, Outlet):
            send.stream = response
        else:
            await super().send_response(response, send)

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002 - Django's signature
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: Any) -> Any:
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)

    async def read_body(self, receive: Any) -> Any:
        """No more than may be sent, and a byte to tell that it is more: the rest is let go, not kept on disk."""
        return await super().read_body(_bounded(receive, settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))


def _bounded(receive: Callable[[], Awaitable[Any]], most: int) -> Callable[[], Awaitable[Any]]:
    left = most

    async def bounded() -> Any:
        nonlocal left
        message = await receive()
        part = message.get("body", b"")[:left]
        left -= len(part)
        return {**message, "body": part}

    return bounded


application = Handler()
