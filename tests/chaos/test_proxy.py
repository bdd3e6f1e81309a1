"""The proxy loses answers and links as it is told, and knows which answer it loses."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.chaos.proxy import LATE, Loop, Proxy
from tests.chaos.recognisers import Postgres, Redis


class _Server(socketserver.ThreadingTCPServer):
    """Notes what it hears and says the same in capitals."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        self.heard = []
        super().__init__(("127.0.0.1", 0), _Shout)

    def handle_error(self, request, client_address):
        """Connections that break are what is tested."""


class _Shout(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1000):
            self.server.heard.append(data)
            self.request.sendall(data.upper())


class _Shouts:
    def requested(self, data):
        pass

    def answering(self, data):
        return "hello" if data == b"HELLO" else None


@pytest.fixture
def server():
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def loop():
    running = Loop()
    yield running
    running.close()


@pytest.fixture
def proxy(server, loop):
    return loop.add(Proxy("shouting", server.server_address[1], _Shouts))


@contextmanager
def _connected(proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as client:
        yield client


@pytest.fixture
def on_exit():
    with ExitStack() as stack:
        yield stack


def _answer(client, text):
    client.sendall(text)
    return client.recv(1000)


def test_it_passes_on_what_it_is_not_told_to_lose(proxy):
    with _connected(proxy) as client:
        assert _answer(client, b"hello") == b"HELLO"


def test_a_cut_answer_is_lost_after_its_request_was_done(proxy, server):
    proxy.cut("hello", 1)
    with _connected(proxy) as client:
        assert _answer(client, b"other") == b"OTHER"
        with pytest.raises(ConnectionResetError):
            _answer(client, b"hello")
    assert server.heard == [b"other", b"hello"]
    with _connected(proxy) as client:
        assert _answer(client, b"hello") == b"HELLO"
    assert proxy.cuts == 1


def test_refusing_ends_what_is_open_and_takes_nothing_new(proxy, server, loop, on_exit):
    with _connected(proxy) as client:
        assert _answer(client, b"hello") == b"HELLO"
        loop.tell(lambda: proxy.become("refusing"))
        assert _is_over(lambda: _answer(client, b"hello"))
    assert _is_over(lambda: _answer(on_exit.enter_context(_connected(proxy)), b"hello"))
    loop.tell(lambda: proxy.become("open"))
    with _connected(proxy) as client:
        assert _answer(client, b"hello") == b"HELLO"
    assert server.heard == [b"hello", b"hello"]


def _is_over(asking):
    try:
        return asking() == b""
    except ConnectionError:
        return True


def test_silence_passes_nothing_and_ends_with_a_reset(proxy, server, loop):
    with _connected(proxy) as client:
        assert _answer(client, b"hello") == b"HELLO"
        loop.tell(lambda: proxy.become("silent"))
        client.sendall(b"into the void")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1000)
        loop.tell(lambda: proxy.become("open"))
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            client.recv(1000)
    assert server.heard == [b"hello"]


def test_a_lossy_link_is_late_and_loses_nothing(proxy, server, loop):
    loop.tell(lambda: proxy.become("lossy"))
    with _connected(proxy) as client:
        began = time.monotonic()
        assert [_answer(client, word) for word in (b"one", b"two")] == [b"ONE", b"TWO"]
        assert time.monotonic() - began >= 4 * LATE[0], "each way of each"
    assert server.heard == [b"one", b"two"]


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


START = struct.pack("!ii", 8, 80877103) + struct.pack("!ii", 12, 196608) + b"abc\0"
CLAIM = b"WITH claimed AS (UPDATE execution SET state = $1) SELECT 1"
RUN = _message(b"B", b"\0p1\0" + b"\0" * 6) + _message(b"E", b"\0\0\0\0\0") + _message(b"S", b"")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (_message(b"Q", b"COMMIT\0"), "commit"),
        (_message(b"Q", b"SELECT 1\0"), None),
        (_message(b"P", b"p1\0" + CLAIM + b"\0\0\0") + RUN, "write"),
        (_message(b"P", b"p1\0SELECT now()\0\0\0") + RUN, None),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_an_answer_is_known_by_its_request_however_that_is_cut_into_pieces(text, kind, chunk):
    recogniser = Postgres()
    sent = START + text
    for place in range(0, len(sent), chunk):
        recogniser.requested(sent[place : place + chunk])
    assert recogniser.answering(b"whatever") == kind
    assert recogniser.answering(b"more of it") is None


def test_a_delivered_message_is_known_by_the_task_it_names():
    assert Redis().answering(b'*2\r\n$12\r\njobs.default\r\n{"headers": {"task": "tasks.run.execute"}}') == "message"
    assert Redis().answering(b"*-1\r\n") is None
