"""How much came over a connection, by the kernel's count, whoever reads from it."""

from __future__ import annotations

import socket
import struct

#: Of ``tcpi_bytes_received`` in Linux's ``struct tcp_info``, there since 4.1.
_OFFSET = 128


def received(connected: socket.socket) -> int:
    """Bytes since the connection was made; 0 once it is gone."""
    try:
        told = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        found: int = struct.unpack_from("=Q", told, _OFFSET)[0]
    except (OSError, struct.error):
        return 0
    return found
