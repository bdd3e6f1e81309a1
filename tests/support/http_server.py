"""A real HTTP server on loopback for tests: programmable answers, recorded requests.

    with http_server.serving() as server:
        server.answer("/hook", status=503, headers={"Retry-After": "7"})
        ...  # call server.url("/hook")
        assert server.requests[0].headers["idempotency-key"]

An unprogrammed path answers 200 with an empty body. Header names are recorded in lower case.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Recorded:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


#: Writes a raw answer to the connection, for what http.server would not send. The event is set when the server stops.
Raw = Callable[[BinaryIO, threading.Event], None]


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: Raw | None = None


class HttpServer:
    """One running server. ``requests`` grows as they arrive; ``arrived`` is released once per request."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.requests: list[Recorded] = []
        self.arrived = threading.Semaphore(0)
        self.closing = threading.Event()
        self._answers: dict[str, list[Answer]] = {}
        self._scheme = "https" if tls else "http"
        self._server = _Server(self)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def answer(self, path: str, **answer: Any) -> None:
        """Program the next answer of a path; the last one programmed repeats."""
        self._answers.setdefault(path, []).append(Answer(**answer))

    def hang(self, path: str) -> None:
        """Let a path read the request and never answer."""
        self.answer(path, raw=lambda _, closing: closing.wait() and None)

    def take(self, path: str) -> Answer:
        programmed = self._answers.get(path, [Answer()])
        return programmed.pop(0) if len(programmed) > 1 else programmed[0]

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: HttpServer) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.owner = owner

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of many tests, and no news."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _any(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        answer = owner.take(parts.path)
        owner.requests.append(Recorded(self.command, parts.path, parts.query, headers, body))
        owner.arrived.release()
        if answer.raw is not None:
            answer.raw(self.wfile, owner.closing)
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, text in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at ``requests`` instead."""


@contextmanager
def serving(*, tls: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """Run a server on a free loopback port."""
    server = HttpServer(tls)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
