"""TCP and TLS for handlers whose protocol is not HTTP: every connection passes the egress guard.

Whoever speaks over it never looks a name up again: they are given the socket, or the address that was judged.
"""

from __future__ import annotations

import socket
import ssl
import time

from jobs.connections.contract import INSECURE
from tasks import egress


def connect(guard: egress.Guard, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to one of the host's judged addresses; OSError says why there is none in time."""
    until = time.monotonic() + timeout
    addresses = guard.resolve(host, port, timeout)
    failure: OSError = OSError(f"{host} has no address")
    for tried, address in enumerate(addresses):
        share = max((until - time.monotonic()) / (len(addresses) - tried), 0.1)
        try:
            found = socket.create_connection((address, port), timeout=share)
        except OSError as error:
            failure = error
            continue
        try:
            guard.confirm(address, peer(found))
        except BaseException:
            found.close()
            raise
        found.settimeout(max(until - time.monotonic(), 0.1))
        return found
    raise failure


def encrypted(plain: socket.socket, host: str, mode: str, ca: str | None = None) -> ssl.SSLSocket:
    """The same connection with TLS; the former socket is used up, whatever comes of it."""
    try:
        return tls(mode, ca).wrap_socket(plain, server_hostname=host.strip("[]"))
    except BaseException:
        plain.close()
        raise


def tls(mode: str, ca: str | None = None) -> ssl.SSLContext:
    """How a connection's server is verified: by the system's authorities, by ``ca``, or not at all."""
    context = ssl.create_default_context(cadata=ca)
    if mode == INSECURE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def peer(connected: socket.socket) -> str:
    """The address at the other end."""
    return str(connected.getpeername()[0])
