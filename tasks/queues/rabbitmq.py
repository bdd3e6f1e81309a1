"""RabbitMQ, spoken over a socket that the egress guard has judged.

Every message is persistent, mandatory and confirmed: one that no queue takes comes back and fails the attempt.
What is read stays unacknowledged, and RabbitMQ holds it, until it is stored; a connection that ends gives it back.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from struct import unpack_from
from typing import Any, Self

import amqp
from amqp.method_framing import frame_handler
from amqp.transport import DEFAULT_SOCKET_SETTINGS, TCPTransport

from jobs.connections.brokers import RabbitMq
from jobs.handlers import Context, HandlerError
from tasks import egress, sockets
from tasks.queues.contract import (
    GLANCE_SECONDS,
    LONGEST_BODY,
    PATIENCE_SECONDS,
    BrokerRefuses,
    Incoming,
    Outgoing,
    Reading,
    not_here,
    too_long,
)

#: Messages on their way at a time.
MOST_UNCONFIRMED = 1000
#: What a channel can be told to send ahead; more is no limit, and what is sent too much comes again.
MOST_AHEAD = 65_535
LONGEST_FRAME = 131_072
_HEADER_FRAME = 2


class RabbitSession:
    """With one queue; messages may go through an exchange."""

    def __init__(self, connection: RabbitMq, context: Context, queue: str, exchange: str) -> None:
        self._queue = queue
        self._exchange = exchange
        self._last_tag = 0
        self._session = _opened(connection, context)
        self._channel: Any = None

    def __enter__(self) -> Self:
        try:
            self._session.connect()
            self._channel = self._session.channel()
        except BaseException as error:
            self._session.collect()
            if isinstance(error, amqp.AMQPError | OSError):
                raise told(error) from None
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._session.collect()

    def publish(self, messages: Iterable[Outgoing]) -> Iterator[Mapping[str, Any]]:
        """Confirms come in any order, and are passed on in the order of the messages."""
        flow = _Flow(self._channel)
        try:
            self._channel.confirm_select()
            for message in messages:
                routing_key = self._routing_key(message)
                flow.sent[flow.next_tag] = {"routing_key": routing_key}
                flow.next_tag += 1
                self._channel.basic_publish(_packed(message), self._exchange, routing_key, mandatory=True)
                while len(flow.sent) >= MOST_UNCONFIRMED:
                    self._session.drain_events()
                yield from flow.confirmed()
            while flow.sent:
                self._session.drain_events()
                yield from flow.confirmed()
            yield from flow.confirmed()
        except (amqp.AMQPError, OSError) as error:
            raise told(error) from None

    def _routing_key(self, message: Outgoing) -> str:
        if message.partition is not None:
            raise not_here("partition", "RabbitMQ has no partitions: leave it out")
        if message.key is not None and not self._exchange:
            raise not_here("key", "without an exchange RabbitMQ routes by the queue's name: leave it out")
        return self._queue if message.key is None else message.key

    def read(self, reading: Reading) -> Iterator[Incoming | None]:
        """The server sends no more than what is wanted, and each is given on before the next is read."""
        if reading.group is not None or reading.newest or reading.partition is not None:
            raise not_here("group", "RabbitMQ has no groups, partitions or starts: leave them out")
        arrived: list[amqp.Message] = []
        left = reading.most
        try:
            self._channel.basic_qos(0, left if left <= MOST_AHEAD else 0, False)
            self._channel.basic_consume(self._queue, callback=arrived.append)
            while left:
                try:
                    self._session.drain_events(timeout=GLANCE_SECONDS)
                except TimeoutError:
                    yield None
                    continue
                for message in arrived:
                    left -= 1
                    self._last_tag = int(message.delivery_tag or 0)
                    yield _unpacked(message)
                arrived.clear()
        except (amqp.AMQPError, OSError) as error:
            raise told(error) from None

    def acknowledge(self) -> bool:
        try:
            if self._last_tag:
                self._channel.basic_ack(self._last_tag, multiple=True)
            # Answered only after the acknowledgement, which has no answer of its own.
            self._channel.close()
        except (amqp.AMQPError, OSError) as error:
            raise told(error) from None
        return True

    def depth(self, reading: Reading) -> Mapping[str, Any]:
        if reading.group is not None:
            raise not_here("group", "RabbitMQ has no groups: leave it out")
        try:
            found = self._channel.queue_declare(self._queue, passive=True)
        except (amqp.AMQPError, OSError) as error:
            raise told(error) from None
        return {"messages": found.message_count, "consumers": found.consumer_count}

    def purge(self) -> int | None:
        try:
            return int(self._channel.queue_purge(self._queue))
        except (amqp.AMQPError, OSError) as error:
            raise told(error) from None


class _Flow:
    """Messages on their way, by the number that the broker confirms them with."""

    def __init__(self, channel: Any) -> None:
        self.next_tag = 1
        self.sent: dict[int, Mapping[str, Any]] = {}
        self._done: list[Mapping[str, Any]] = []
        self._failure: HandlerError | None = None
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def confirmed(self) -> Iterator[Mapping[str, Any]]:
        """Those since the last time; the failure of one ends all."""
        if self._failure is not None:
            raise self._failure
        done, self._done = self._done, []
        yield from done

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for each in self._meant(tag, multiple):
            self._done.append(self.sent.pop(each))

    def _on_nack(self, tag: int, multiple: bool) -> None:
        for each in self._meant(tag, multiple):
            self.sent.pop(each)
        self._failure = self._failure or BrokerRefuses("RabbitMQ could not take a message: it was refused", "nacked")

    def _on_return(self, _: Exception, exchange: str, routing_key: str, __: amqp.Message) -> None:
        through = f"exchange {exchange!r}" if exchange else "the default exchange"
        told = f"no queue takes a message with the routing key {routing_key!r} from {through}: declare one first"
        self._failure = self._failure or BrokerRefuses(told, "unroutable")

    def _meant(self, tag: int, multiple: bool) -> list[int]:
        return [each for each in self.sent if each <= tag] if multiple else [tag] if tag in self.sent else []


class _Given(TCPTransport):
    """A connection that is there already, with TLS or without; it is never made again."""

    def __init__(self, given: socket.socket, host: str) -> None:
        super().__init__(host, connect_timeout=PATIENCE_SECONDS)
        self._given = given

    def _connect(self, *_: Any) -> None:
        self.sock = self._given

    def _set_socket_options(self, _: Any) -> None:
        """The library would set again what the kernel says of the connection, which after TLS it may refuse to take."""
        for name, value in DEFAULT_SOCKET_SETTINGS.items():
            self._given.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _read(self, n: int, *arguments: Any, **options: Any) -> bytes:
        if n > LONGEST_FRAME:
            raise too_long(n)
        return bytes(super()._read(n, *arguments, **options))  # type: ignore[misc]


class _Over(amqp.Connection):
    """AMQP over that transport."""

    def __init__(self, given: socket.socket, host: str, **options: Any) -> None:
        self._over = _Given(given, host)
        super().__init__(host=host, frame_handler=_bounded, **options)

    def Transport(self, *_: Any, **__: Any) -> _Given:  # noqa: N802 - the library's hook
        return self._over

    def collect(self) -> None:
        self._over.close()
        self._over._given.close()
        super().collect()


def _bounded(connection: Any, callback: Any) -> Any:
    """Frames as usual, but no message whose announced length is more than anybody reads."""
    usual = frame_handler(connection, callback)

    def on_frame(frame: tuple[int, int, bytes]) -> Any:
        if frame[0] == _HEADER_FRAME and (length := unpack_from(">Q", frame[2], 4)[0]) > LONGEST_BODY:
            raise too_long(length)
        return usual(frame)

    return on_frame


def _opened(connection: RabbitMq, context: Context) -> _Over:
    (target,) = connection.targets()
    guard = egress.Guard(context.allowed_hosts)
    patience = max(min(PATIENCE_SECONDS, context.remaining()), 0.1)
    try:
        reached = sockets.connect(guard, target.host, target.port, patience)
        if target.tls:
            reached = sockets.encrypted(reached, target.host, connection.tls, connection.ca)
    except OSError as error:
        raise BrokerRefuses(f"{target.host} port {target.port} is not reached: {error}", "connection") from None
    context.log(f"reached {target.host} port {target.port}")
    return _Over(
        reached,
        target.host,
        login_method="PLAIN",
        userid=connection.user,
        password=connection.password.get_secret_value(),
        virtual_host=connection.vhost,
        connect_timeout=patience,
        frame_max=LONGEST_FRAME,
        client_properties={"product": "carillon"},
    )


def _packed(message: Outgoing) -> amqp.Message:
    return amqp.Message(
        message.body or b"",
        application_headers=dict(message.headers),
        content_type=message.content_type,
        delivery_mode=2,
        message_id=message.id,
    )


def _unpacked(message: amqp.Message) -> Incoming:
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    about = message.delivery_info
    place = {name: about[name] for name in ("exchange", "routing_key", "redelivered")}
    if identity := message.properties.get("message_id"):
        place["message_id"] = str(identity)
    headers = {str(name): str(value) for name, value in (message.headers or {}).items()}
    return Incoming(body, headers=headers, place=place)


def told(error: Exception) -> BrokerRefuses:
    """A failure of such a session in the broker's words."""
    if isinstance(error, amqp.NotFound):
        return BrokerRefuses(f"RabbitMQ: {error.reply_text}", "not_found")
    if isinstance(error, amqp.AccessRefused):
        return BrokerRefuses(f"RabbitMQ refuses: {error.reply_text}", "refused")
    return BrokerRefuses(f"RabbitMQ: {error or type(error).__name__}", "connection")


def opened(connection: RabbitMq, context: Context) -> amqp.Connection:
    """AMQP for who has more to say than messages of one queue. Collect it."""
    session = _opened(connection, context)
    try:
        session.connect()
    except BaseException as error:
        session.collect()
        if isinstance(error, amqp.AMQPError | OSError):
            raise told(error) from None
        raise
    return session
