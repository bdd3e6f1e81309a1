"""A Redis, or what speaks like it, over one judged connection: commands out, bounded answers in.

The tenant names the server, so it is believed nothing: an answer that says it is larger than what was expected is refused
before any of it is kept, and every wait is short enough to notice a cancel. What a client library would do beside that
(pools, retries, look-ups, scripts) is not wanted here.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from jobs.connections.brokers import Redis
from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from tasks import egress, foreign, sockets

CONNECT_SECONDS = 10.0
GLANCE_SECONDS = 0.2
MOST_LINE = 64 * 1024
MOST_ANSWER = 16 * 1024 * 1024
MOST_DEPTH = 4

Part = str | bytes | int | float


class Refused(HandlerError):
    """The server answered with an error."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Redis refuses: {message}", tags={"redis"})


class Waiting(Protocol):
    """How long an answer is waited for, and where a connection may lead."""

    @property
    def allowed_hosts(self) -> Sequence[str]: ...

    @property
    def cancelled(self) -> bool: ...

    def remaining(self) -> float: ...


class Session:
    """Log in, then :meth:`command`. Close it. ``ours``: it is Carillon's own server, which no guard lets anybody reach."""

    def __init__(self, connection: Redis, context: Waiting, *, ours: bool = False) -> None:
        self._context = context
        self._buffer = bytearray()
        self._left = 0
        self._socket = _opened(connection, context, ours)
        self._socket.settimeout(GLANCE_SECONDS)
        try:
            self._log_in(connection)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def command(self, *parts: Part) -> Any:
        """Its answer: bytes, a number, a list or None. Raises :class:`Refused`."""
        return self.commands([parts])[0]

    def commands(self, many: Sequence[Sequence[Part]]) -> list[Any]:
        """The answers of several that are sent at once."""
        self._send(b"".join(map(_encoded, many)))
        self._left = MOST_ANSWER
        answers = [self._answer(0) for _ in many]
        for answer in answers:
            if isinstance(answer, Refused):
                raise answer
        return answers

    def _log_in(self, connection: Redis) -> None:
        if connection.password is not None:
            user = [connection.user] if connection.user else []
            self.command("AUTH", *user, connection.password.get_secret_value())
        if connection.database:
            self.command("SELECT", connection.database)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._check()
            try:
                view = view[self._socket.send(view) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise _lost(error) from None

    def _answer(self, depth: int) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refused(foreign.text(rest)[:500])
        try:
            number = int(rest)
        except ValueError:
            raise HandlerError("the server does not speak as Redis does", tags={"redis"}) from None
        if kind == b":":
            return number
        if kind == b"$":
            return None if number < 0 else self._exactly(number + 2)[:-2]
        if kind == b"*" and depth < MOST_DEPTH:
            self._take(max(number, 0) * 8)
            return None if number < 0 else [self._answer(depth + 1) for _ in range(number)]
        raise HandlerError("the server does not speak as Redis does", tags={"redis"})

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MOST_LINE:
                raise HandlerError("the server does not speak as Redis does", tags={"redis"})
            self._receive()
        self._take(end)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        self._take(size)
        while len(self._buffer) < size:
            self._receive()
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            message = f"the server's answer has more than {MOST_ANSWER // 1024 // 1024} MiB: ask for less at once"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"redis"})

    def _receive(self) -> None:
        while True:
            self._check()
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise _lost(error) from None
            if not data:
                raise _lost("it was closed")
            self._buffer += data
            return

    def _check(self) -> None:
        if self._context.cancelled:
            raise Cancelled
        if self._context.remaining() <= 0:
            raise HandlerError("no answer of Redis within the attempt's time", code=Failure.TIMEOUT, tags={"timeout"})


def _opened(connection: Redis, context: Waiting, ours: bool) -> socket.socket:
    (target,) = connection.targets()
    patience = max(min(CONNECT_SECONDS, context.remaining()), 0.1)
    try:
        if ours:
            plain = socket.create_connection((target.host, target.port), timeout=patience)
        else:
            plain = sockets.connect(egress.Guard(context.allowed_hosts), target.host, target.port, patience)
        if not target.tls:
            return plain
        return sockets.encrypted(plain, target.host, connection.tls, connection.ca)
    except OSError as error:
        message = f"{target.host} port {target.port} is not reached: {error}"
        raise HandlerError(message, tags={"connection"}) from None


def _encoded(parts: Sequence[Part]) -> bytes:
    told = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(told) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in told)


def _lost(why: object) -> HandlerError:
    return HandlerError(f"the connection to Redis was lost: {why}", tags={"connection"})
