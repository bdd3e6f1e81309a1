"""How much came over a connection, by the kernel's count, whoever reads from it."""

from __future__ import annotations

import socket
import struct

#: Of ``tcpi_bytes_received`` in Linux's ``struct tcp_info``, there since 4.1.
_OFFSET = 128
#: Rows that are handed on together have about so much at most.
BATCH_BYTES = 4 * 1024 * 1024


class Meter:
    """Measures one connection from outside. What the library has read ahead counts for the row before."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self._row_at = self._batch_at = 0

    def begin(self) -> None:
        """A statement, or a batch of rows."""
        self._row_at = self._batch_at = self._received()

    def row(self) -> bool:
        """One was taken; whether that is enough for a batch."""
        self._row_at = self._received()
        return self._row_at - self._batch_at > BATCH_BYTES

    def pending(self) -> int:
        """Bytes since the last row."""
        return self._received() - self._row_at

    def _received(self) -> int:
        try:
            told = self._connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            found: int = struct.unpack_from("=Q", told, _OFFSET)[0]
        except (OSError, struct.error):  # it is gone
            return 0
        return found
