from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest

from jobs.handlers import Cancelled
from tasks import egress, http_client
from tests.support import contexts, http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.support.names import Names


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(["127.0.0.0/8"], timeout=10) as recording:
        yield recording


def client(context: RecordingContext) -> httpx2.Client:
    return http_client.open_client(egress.Guard(context.allowed_hosts), http_client.Call(context))


def test_the_library_still_connects_through_the_backend_we_put_into_its_pool(context: RecordingContext) -> None:
    context.allowed_hosts = []
    with client(context) as guarded:
        assert isinstance(guarded._transport._pool._network_backend, http_client._Backend)  # type: ignore[attr-defined]
        with pytest.raises(egress.UnsafeTarget):
            guarded.get("http://127.0.0.1:1/")


def test_library_that_keeps_its_backend_elsewhere_is_refused(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moved(httpx2.HTTPTransport):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            del self._pool._network_backend

    monkeypatch.setattr(httpx2, "HTTPTransport", Moved)
    with pytest.raises(AttributeError, match="unguarded"):
        client(context)


def test_connection_that_ends_elsewhere_is_refused_and_closed(
    context: RecordingContext, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = httpcore2.SyncBackend.connect_tcp
    opened = []

    def astray(self: httpcore2.SyncBackend, host: str, *rest: Any) -> httpcore2.NetworkStream:
        opened.append(connect(self, "127.0.0.1", *rest))
        return opened[-1]

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", astray)
    with client(context) as guarded, pytest.raises(egress.UnsafeTarget, match=r"127\.0\.0\.2 ended at 127\.0\.0\.1"):
        guarded.get(server.url(host="127.0.0.2"))
    assert opened[0].get_extra_info("socket").fileno() == -1
    assert server.requests == []


def test_unix_sockets_are_refused(context: RecordingContext, tmp_path: Path) -> None:
    backend = http_client._Backend(egress.Guard([]), http_client.Call(context))
    with pytest.raises(egress.UnsafeTarget, match="Unix sockets"):
        backend.connect_unix_socket(str(tmp_path / "socket"))


def test_next_address_is_tried_when_one_does_not_answer(
    context: RecordingContext, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch).resolve("two.test", ["127.0.0.2", "127.0.0.1"])
    with client(context) as guarded:
        assert guarded.get(server.url(host="two.test")).status_code == 200


def test_name_is_not_asked_again_for_connecting(
    context: RecordingContext, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    names.resolve("rebind.test", ["127.0.0.1"], ["127.0.0.2"])
    with client(context) as guarded:
        assert guarded.get(server.url(host="rebind.test")).status_code == 200
    assert names.asked == ["rebind.test"]


def test_proxies_of_the_environment_are_ignored(
    context: RecordingContext, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with client(context) as guarded:
        assert guarded.get(server.url()).status_code == 200


def test_waiting_for_an_answer_in_a_thread_ends_when_the_attempt_is_cancelled(
    context: RecordingContext, server: HttpServer
) -> None:
    server.hang("/")
    raised: list[BaseException] = []

    def call() -> None:
        try:
            with client(context) as guarded:
                guarded.get(server.url())
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert server.arrived.acquire(timeout=60)
    context.stop.set()
    thread.join(60)
    assert len(raised) == 1


def test_call_whose_time_is_over_is_not_begun(context: RecordingContext, server: HttpServer) -> None:
    context.timeout = 0
    context.__post_init__()
    with client(context) as guarded, pytest.raises(httpx2.ReadTimeout):
        guarded.get(server.url())
    assert server.requests == []
