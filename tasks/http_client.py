"""An HTTP client whose every connection passes the egress guard and ends at the job's deadline.

One client serves one call: allow lists differ by tenant, so connections are never shared. The
client library times each read by itself, which a server that drips bytes can stretch for ever;
here every wait is cut to what the attempt has left, and is short enough to notice a cancel when
the handler runs in a thread, where nothing can interrupt it.
"""

# ruff: noqa: ARG002 - the library names the arguments; patience and socket options come from the call
from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpcore2
import httpx2

from jobs.handlers import Cancelled
from tasks import egress

#: Longest wait for one connection, and for one look at whether the call is still wanted.
CONNECT_SECONDS = 10.0
GLANCE_SECONDS = 0.2
WRITE_BYTES = 64 * 1024


class Waiting(Protocol):
    """Who waits for a call: an attempt's :class:`jobs.handlers.Context`, or whoever sends a message."""

    def remaining(self) -> float:
        """Seconds until nobody waits any more."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody does already."""


@dataclass
class Call:
    """One call's patience, and what it measures on the way."""

    context: Waiting
    deadline: float = field(init=False)
    #: Seconds of the newest connection, and until the newest answer began: dns, connect, tls, first_byte.
    timings: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.context.remaining()

    def left(self) -> float:
        """Seconds still to wait; raises when there are none or nobody waits any more."""
        if self.context.cancelled:
            raise Cancelled
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the attempt's time is over")
        return left


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes end with the call."""

    def __init__(self, inner: httpcore2.NetworkStream, call: Call) -> None:
        self._inner = inner
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            glance = min(self._call.left(), GLANCE_SECONDS)
            try:
                return self._inner.read(max_bytes, glance)
            except httpcore2.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), WRITE_BYTES):
            self._inner.write(buffer[start : start + WRITE_BYTES], self._call.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        patience = min(self._call.left(), CONNECT_SECONDS)
        started = time.monotonic()
        encrypted = self._inner.start_tls(ssl_context, server_hostname, patience)
        self._call.timings["tls"] = time.monotonic() - started
        return _Stream(encrypted, self._call)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    """Opens connections to judged addresses only."""

    def __init__(self, guard: egress.Guard, call: Call) -> None:
        self._guard = guard
        self._call = call

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        started = time.monotonic()
        until = started + min(self._call.left(), CONNECT_SECONDS)
        addresses = self._resolved(host, port, until - started)
        resolved = time.monotonic()
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for tried, address in enumerate(addresses):
            share = (until - time.monotonic()) / (len(addresses) - tried)
            try:
                stream = super().connect_tcp(address, port, max(share, 0.1), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            self._confirm(stream, address)
            self._call.timings = {"dns": resolved - started, "connect": time.monotonic() - resolved}
            return _Stream(stream, self._call)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.NetworkStream:
        raise egress.UnsafeTarget("Unix sockets are not reachable from jobs")

    def _resolved(self, host: str, port: int, timeout: float) -> list[str]:
        try:
            return self._guard.resolve(host, port, timeout)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error

    def _confirm(self, stream: httpcore2.NetworkStream, address: str) -> None:
        try:
            self._guard.confirm(address, stream.get_extra_info("server_addr")[0])
        except BaseException:
            stream.close()
            raise


def open_client(
    guard: egress.Guard, call: Call, *, verify_tls: bool = True, tls: ssl.SSLContext | None = None
) -> httpx2.Client:
    """A client for one call. It follows no redirects and takes no proxy, .netrc or certificate from the environment.

    ``tls`` goes before ``verify_tls``. The library has no public way to give a transport its backend; a change of the private one stops the call.
    """
    transport = httpx2.HTTPTransport(verify=tls or _tls(verify_tls), trust_env=False, retries=0)
    pool = transport._pool
    if not hasattr(pool, "_network_backend"):
        raise AttributeError("this httpx2 keeps its network backend elsewhere: calls would go unguarded, pin another")
    pool._network_backend = _Backend(guard, call)
    return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=None)


@functools.cache
def _tls(verify: bool) -> ssl.SSLContext:
    """Reading the certificate store takes 20 ms, so once per process."""
    return httpx2.create_ssl_context(verify=verify, trust_env=False)
