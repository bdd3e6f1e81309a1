"""The only way out of a script's network namespace: a proxy in the worker that asks the egress guard.

    script ── 127.0.0.1:3128, inside ──▶ proxy, outside ──(judged address)──▶ the world

The listening socket was made inside and handed out (``sandbox/namespaces.py``), so nothing runs in there for it.
It speaks what HTTP_PROXY and ALL_PROXY mean: CONNECT, plain HTTP with absolute URLs, and SOCKS 5. Names are looked
up here, by the guard; the script has no resolver.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from jobs.handlers import PermanentFailure
from tasks import egress, sockets
from tasks.sandbox.namespaces import GATE

MOST_CONNECTIONS = 64
MOST_HEAD = 64 * 1024
CONNECT_SECONDS = 30.0
CHUNK_BYTES = 64 * 1024
HOP = ("proxy-connection", "proxy-authorization", "connection", "keep-alive")

_HTTP = "http://{}:{}".format(*GATE)
_SOCKS = "socks5h://{}:{}".format(*GATE)
_PLAIN = {"http_proxy": _HTTP, "https_proxy": _HTTP, "all_proxy": _SOCKS, "no_proxy": "localhost,127.0.0.1,::1"}
#: What tells programs of it. Its own loopback a script reaches by itself.
ENVIRONMENT = _PLAIN | {name.upper(): value for name, value in _PLAIN.items()}


class _Refused(Exception):
    """Not to be had; ``status`` is HTTP's word for why."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status


@contextlib.contextmanager
def serving(guard: egress.Guard, log: Callable[[str], None]) -> Iterator[socket.socket]:
    """For the length of the block; the socket is the command's gate. ``log`` is told what was refused."""
    ours, theirs = socket.socketpair()
    proxy = _Proxy(guard, ours, log)
    try:
        proxy.start()
        yield theirs
    finally:
        theirs.close()
        proxy.close()


class _Proxy(threading.Thread):
    def __init__(self, guard: egress.Guard, gate: socket.socket, log: Callable[[str], None]) -> None:
        super().__init__(name="script-proxy", daemon=True)
        self._guard = guard
        self._gate = gate
        self._log = log
        self._lock = threading.Lock()
        self._open: set[socket.socket] = {gate}
        self._closed = False
        self._places = threading.Semaphore(MOST_CONNECTIONS)

    def close(self) -> None:
        """Cut every connection; the threads end by themselves."""
        with self._lock:
            self._closed = True
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self.join()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._held(self._gate):
            _, descriptors, _, _ = socket.recv_fds(self._gate, 1, 1)
            if descriptors:
                with self._held(socket.socket(fileno=descriptors[0])) as listener:
                    self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._places.acquire()
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=[connection], name="script-proxy-call", daemon=True).start()

    @contextlib.contextmanager
    def _held(self, each: socket.socket) -> Iterator[socket.socket]:
        """Closed at the end of the block, and cut before it when the proxy closes."""
        with each:
            with self._lock:
                if self._closed:
                    raise OSError("closed")
                self._open.add(each)
            try:
                yield each
            finally:
                with self._lock:
                    self._open.discard(each)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError), self._held(connection):
                connection.settimeout(CONNECT_SECONDS)
                first = connection.recv(1, socket.MSG_PEEK)
                (self._serve_socks if first == b"\x05" else self._serve_http)(connection)
        finally:
            self._places.release()

    def _reach(self, host: str, port: int) -> socket.socket:
        try:
            return sockets.connect(self._guard, host, port, CONNECT_SECONDS)
        except PermanentFailure as error:
            self._log(f"refused a connection to {host}:{port}: {error}")
            raise _Refused("403 Forbidden", str(error)) from None
        except OSError as error:
            raise _Refused("502 Bad Gateway", str(error)) from None

    def _serve_http(self, connection: socket.socket) -> None:
        try:
            method, target, rest = _request(connection)
            if method == "CONNECT":
                host, port, head = *_place(f"//{target}", 443), b""
            else:
                host, port, head = *_place(target, 80), _rewritten(method, target, rest)
            with self._held(self._reach(host, port)) as far:
                if method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    head = rest.partition(b"\r\n\r\n")[2]
                far.sendall(head)
                self._relay(connection, far)
        except _Refused as refusal:
            body = f"{refusal}\n".encode(errors="replace")
            answer = f"HTTP/1.1 {refusal.status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            connection.sendall(f"{answer}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    def _serve_socks(self, connection: socket.socket) -> None:
        _exactly(connection, _exactly(connection, 2)[1])
        connection.sendall(b"\x05\x00")
        _, command, _, kind = _exactly(connection, 4)
        answer = b"\x05%c\x00\x01" + bytes(6)
        if command != 1 or kind not in (1, 3, 4):
            connection.sendall(answer % (7 if command != 1 else 8))
            return
        host, port = _socks_host(connection, kind), int.from_bytes(_exactly(connection, 2))
        try:
            far = self._reach(host, port)
        except _Refused as refusal:
            connection.sendall(answer % (2 if refusal.status.startswith("403") else 4))
            return
        with self._held(far):
            connection.sendall(answer % 0)
            self._relay(connection, far)

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        near.settimeout(None)
        far.settimeout(None)
        back = threading.Thread(target=_pump, args=[far, near], name="script-proxy-back", daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, target):  # broken one way is broken
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _request(connection: socket.socket) -> tuple[str, str, bytes]:
    """Method, target, and everything from the first header on, as far as it was read."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(CHUNK_BYTES)
        if not more or len(data) > MOST_HEAD:
            raise _Refused("400 Bad Request", "no request, or one with more than 64 KiB of headers")
        data += more
    line, _, rest = data.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3:
        raise _Refused("400 Bad Request", "not a request of HTTP/1.1")
    return words[0], words[1], b"\r\n" + rest if rest.startswith(b"\r\n") else rest


def _place(url: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or default
    except ValueError:
        host = None
    if not host or parts.scheme not in ("", "http"):
        raise _Refused("400 Bad Request", "a proxy is asked for http://host/path, or to CONNECT host:port")
    return host, port


def _rewritten(method: str, target: str, rest: bytes) -> bytes:
    """As the server itself is asked. One request a connection: the next may be for another server."""
    headers, _, body = rest.partition(b"\r\n\r\n")
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line and line.split(b":")[0].strip().lower().decode("latin-1") not in HOP
    ]
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    first = f"{method} {path} HTTP/1.1".encode("latin-1")
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""]) + body


def _socks_host(connection: socket.socket, kind: int) -> str:
    if kind == 3:
        return _exactly(connection, _exactly(connection, 1)[0]).decode("latin-1")
    family, length = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
    return socket.inet_ntop(family, _exactly(connection, length))


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise OSError("ended early")
        data += more
    return data
