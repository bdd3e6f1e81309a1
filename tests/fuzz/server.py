"""The web process's ASGI application in an event loop of its own, asked without a network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from urllib3 import HTTPResponse

Message = dict[str, Any]


class Server:
    """Answers prepared requests. What a client cannot see is told nowhere: an error inside is a 500."""

    def __init__(self, application: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._application = application
        self._loop = loop

    def ask(self, request: requests.PreparedRequest) -> requests.Response:
        """The answer, whole."""
        sent = asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)
        status, headers, body = sent.result(60)
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url or ""
        response.headers.update(headers)
        response._content, response.elapsed = body, timedelta()
        response.raw = HTTPResponse(body=BytesIO(body), headers=headers, status=status, version=11)
        return response

    async def _ask(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        body = request.body or b""
        waiting: list[Message] = [{"type": "http.request", "body": body.encode() if isinstance(body, str) else body}]
        told: list[Message] = []
        gone = asyncio.Event()

        async def receive() -> Message:
            if not waiting:
                await gone.wait()  # a client that stays until it has been answered
                return {"type": "http.disconnect"}
            return waiting.pop(0)

        async def send(message: Message) -> None:
            told.append(message)

        await self._application(_scope(request), receive, send)
        start, *parts = told
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return start["status"], headers, b"".join(part.get("body", b"") for part in parts)


def _scope(request: requests.PreparedRequest) -> Message:
    parts = urlsplit(request.url or "")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(parts.path, errors="replace"),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(b"host", b"testserver"), *_headers(request)],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }


def _headers(request: requests.PreparedRequest) -> Iterator[tuple[bytes, bytes]]:
    for name, value in request.headers.items():
        yield _bytes(name).lower(), _bytes(value)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", errors="replace")


@contextmanager
def running() -> Iterator[Server]:
    """For the length of the block."""
    from scheduler_project.asgi import application

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Server(application, loop)
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
