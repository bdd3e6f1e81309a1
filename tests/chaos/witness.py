"""The witness: what really ran, told by the runs themselves, with one clock, outside PostgreSQL.

``http`` jobs call it and are answered after the seconds they ask for; ``script`` jobs keep a connection
open and pulse. Either way a run that dies, or is cut off, is seen at once: its connection ends. Starts
and ends are appended to a file that is synced before a call is answered.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.chaos.checker.evidence import Run

GLANCE = 0.05


class Witness:
    """``url`` is for http jobs, ``port`` for the pulses of scripts."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._runs: dict[int, Run] = {}
        self.closing = threading.Event()
        self._web = _Web(("127.0.0.1", 0), _Call)
        self._web.witness = self
        self._pulses = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._web.server_address[1]}"
        self.port: int = self._pulses.getsockname()[1]

    def begin(self, **run: Any) -> int:
        """A run says that it starts; returns its number."""
        now = time.time()
        with self._lock:
            number = len(self._runs)
            self._runs[number] = Run(began=now, ended=now, ending="open", **run)
            self._write({"what": "start", "number": number, "wall": now, **run})
        return number

    def end(self, number: int, ending: str) -> None:
        """It has ended."""
        now = time.time()
        with self._lock:
            run = self._runs[number]
            self._runs[number] = Run(
                run.tenant, run.job, run.execution, run.attempt, run.began, now, ending, run.operation
            )
            self._write({"what": "end", "number": number, "wall": now, "ending": ending})

    def pulse(self, number: int) -> None:
        """It lives."""
        with self._lock:
            run = self._runs[number]
            self._runs[number] = Run(
                run.tenant, run.job, run.execution, run.attempt, run.began, time.time(), "open", run.operation
            )

    def runs(self) -> list[Run]:
        """All so far."""
        with self._lock:
            return list(self._runs.values())

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fdatasync(self._file)

    def serve(self) -> None:
        """Both servers, in threads, until closed."""
        threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._web.shutdown()
        self._web.server_close()
        self._pulses.close()
        os.close(self._file)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._pulses.accept()
                threading.Thread(target=self._feel, args=(connection,), daemon=True).start()

    def _feel(self, connection: socket.socket) -> None:
        with connection, connection.makefile("r") as lines:
            tenant, job, execution, attempt = lines.readline().split()
            number = self.begin(tenant=tenant, job=job, execution=execution, attempt=int(attempt))
            ending = "cut"
            with contextlib.suppress(OSError):
                for line in lines:
                    if line.startswith("end"):
                        ending = "done"
                    self.pulse(number)
            if not self.closing.is_set():
                self.end(number, ending)


class _Web(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    witness: Witness

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed is the point of it all."""


class _Call(BaseHTTPRequestHandler):
    """``POST /<tenant>/<job>?seconds=…&fails=…``: the first ``fails`` attempts are answered 500."""

    server: _Web
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        witness = self.server.witness
        parts = urlsplit(self.path)
        _, tenant, job = parts.path.split("/")
        asked = parse_qs(parts.query)
        attempt = int(self.headers["X-Carillon-Attempt"])
        operation = self.headers.get("X-Operation")
        number = witness.begin(
            tenant=tenant,
            job=job,
            execution=self.headers["Idempotency-Key"],
            attempt=attempt,
            operation=operation and int(operation),
        )
        self.close_connection = True
        if self._left(float(asked["seconds"][0])):
            witness.end(number, "cut")
            return
        witness.end(number, "done")
        self.send_response(500 if attempt <= int(asked["fails"][0]) else 204)
        self.end_headers()

    def _left(self, seconds: float) -> bool:
        """Wait; whether the client has gone meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.server.witness.closing.is_set():
                return True
            readable, _, _ = select.select([self.connection], [], [], min(left, GLANCE))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return True
        return False

    def log_message(self, format: str, *args: object) -> None:
        """The file says it."""


@contextlib.contextmanager
def watching(path: Path) -> Iterator[Witness]:
    """A witness for the length of a block."""
    witness = Witness(path)
    witness.serve()
    try:
        yield witness
    finally:
        witness.close()
