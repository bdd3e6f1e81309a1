"""Redis over a socket that the egress guard has judged, and no answer longer than anybody reads."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import redis
import redis.connection

from jobs.connections.brokers import Redis
from jobs.handlers import Context
from tasks import egress, sockets
from tasks.queues.contract import LONGEST_BODY, BrokerRefuses, too_long

#: Of one answer, however many entries are in it.
LONGEST_ANSWER = 8 * LONGEST_BODY


class _Counted:
    """A socket that gives no more than so many bytes for one answer."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.left = LONGEST_ANSWER

    def recv(self, size: int, *flags: int) -> bytes:
        data = self._real.recv(size, *flags)
        self.left -= len(data)
        if self.left < 0:
            raise too_long(LONGEST_ANSWER)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class GivenRedis(redis.connection.Connection):
    """Redis over a connection that is there already; it is never made again."""

    def __init__(self, given: socket.socket, **options: Any) -> None:
        self._real = given
        self._counted: _Counted | None = None
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        if self._counted is not None:
            raise redis.ConnectionError("the connection was closed")
        self._counted = _Counted(self._real)
        return self._counted

    def begin_answer(self) -> None:
        """From here its length is counted."""
        if self._counted is not None:
            self._counted.left = LONGEST_ANSWER

    def disconnect(self, *arguments: Any) -> None:
        super().disconnect(*arguments)  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError):
            self._real.close()


def opened(connection: Redis, context: Context, patience: float) -> GivenRedis:
    """Reach the server; who logs in is the connection's user."""
    (target,) = connection.targets()
    guard = egress.Guard(context.allowed_hosts)
    try:
        reached = sockets.connect(guard, target.host, target.port, patience)
        if target.tls:
            reached = sockets.encrypted(reached, target.host, connection.tls, connection.ca)
    except OSError as error:
        raise BrokerRefuses(f"{target.host} port {target.port} is not reached: {error}", "connection") from None
    context.log(f"reached {target.host} port {target.port}")
    return GivenRedis(
        reached,
        host=target.host,
        port=target.port,
        db=connection.database,
        username=connection.user,
        password=connection.password.get_secret_value() if connection.password else None,
        protocol=2,
        driver_info=None,
        socket_timeout=patience,
    )
