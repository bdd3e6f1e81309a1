"""A server that notes when each execution's call arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink:
    """``arrived``: the instant each idempotency key was first seen."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.arrived: dict[str, float] = {}


@contextmanager
def receiving() -> Iterator[Sink]:
    """A sink for the length of a block."""
    sink: Sink

    class Call(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # When the headers have been read: http.server offers no earlier instant.
            sink.arrived.setdefault(self.headers["Idempotency-Key"], time.time())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
    sink = Sink(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
