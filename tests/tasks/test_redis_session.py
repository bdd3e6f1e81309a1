"""A Redis that is not to be believed, and one that says nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobs import connections
from jobs.connections.brokers import Redis
from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from tasks import redis_session
from tasks.redis_session import Session
from tests.support import contexts
from tests.support.contexts import RecordingContext


@contextmanager
def saying(answer: bytes, *, again: int = 1) -> Iterator[int]:
    """A server that reads one request, answers it with these bytes ``again`` and again, and says nothing further."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connected, _ = listener.accept()
                with connected:
                    connected.recv(65536)
                    for _ in range(again):
                        connected.sendall(answer)
                    connected.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def at(port: int) -> Redis:
    found = connections.check("redis", {"host": "127.0.0.1", "port": port, "tls": "off"})
    assert isinstance(found, Redis)
    return found


def asked(port: int, context: RecordingContext) -> object:
    with Session(at(port), context) as session:
        return session.command("GET", "a")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (b"+OK\r\n", b"OK"),
        (b":7\r\n", 7),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:-3\r\n", [b"a", [-3]]),
    ],
)
def test_answer_is_read_as_what_it_is(answer: bytes, value: object) -> None:
    with saying(answer) as port, contexts.recording(["127.0.0.1"], timeout=10) as context:
        assert asked(port, context) == value


@pytest.mark.parametrize(
    ("answer", "again", "code"),
    [
        (b"$5000000000\r\nxxxx", 1, Failure.RESOURCE_LIMIT),
        (b"*1000000000\r\n", 1, Failure.RESOURCE_LIMIT),
        (b"*1\r\n", 10, Failure.EXECUTION_FAILED),
        (b"x" * 65536, 3, Failure.EXECUTION_FAILED),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, Failure.EXECUTION_FAILED),
        (b"$x\r\n", 1, Failure.EXECUTION_FAILED),
        (b"-ERR no\r\n", 1, Failure.EXECUTION_FAILED),
    ],
)
def test_answer_that_is_too_large_or_none_fails(answer: bytes, again: int, code: str) -> None:
    with saying(answer, again=again) as port, contexts.recording(["127.0.0.1"], timeout=10) as context:
        with pytest.raises(HandlerError) as caught:
            asked(port, context)
        assert caught.value.code == code
        assert caught.value.tags == {"redis"}


def test_many_small_parts_are_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_session, "MOST_ANSWER", 10_000)
    answer = b"*1000\r\n" + b"$20\r\n%s\r\n" % (b"x" * 20) * 1000
    with saying(answer) as port, contexts.recording(["127.0.0.1"], timeout=10) as context:
        with pytest.raises(HandlerError) as caught:
            asked(port, context)
        assert caught.value.code == Failure.RESOURCE_LIMIT


def test_silence_ends_with_the_attempt_or_its_cancel() -> None:
    with saying(b"") as port, contexts.recording(["127.0.0.1"], timeout=0.3) as context:
        with pytest.raises(HandlerError) as caught:
            asked(port, context)
        assert caught.value.code == Failure.TIMEOUT
    with saying(b"") as port, contexts.recording(["127.0.0.1"], timeout=10) as context:
        context.stop.set()
        with pytest.raises(Cancelled):
            asked(port, context)


def test_server_that_hangs_up_or_is_not_there_is_a_connection_error() -> None:
    with contexts.recording(["127.0.0.1"], timeout=10) as context:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(HandlerError) as caught:
            asked(port, context)
        assert caught.value.tags == {"connection"}
