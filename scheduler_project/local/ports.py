"""Choosing ports on 127.0.0.1, and holding the web process's."""

from __future__ import annotations

import socket
from collections.abc import Iterable

HOST = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """A bound TCP socket; port 0 takes any free one. Raises OSError when it is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


def bind_first(candidates: Iterable[int]) -> socket.socket:
    """Bound to the first candidate that is free, or else to any free port."""
    for port in candidates:
        try:
            return bind(port)
        except OSError:
            continue
    return bind(0)


def number(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


def free(*candidates: int) -> int:
    """The first candidate nobody listens on now, or else any such port."""
    with bind_first(candidates) as bound:
        return number(bound)


def listen(bound: socket.socket) -> socket.socket:
    """Makes it the listener that one web process after the other is handed.

    While it is open, connections wait for the next process instead of being refused. TCP_NODELAY is
    inherited by accepted connections; uvicorn does not set it on a listener it was handed.
    """
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.listen(2048)
    return bound
