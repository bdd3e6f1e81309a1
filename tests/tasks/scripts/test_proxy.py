"""The one way out of a script's network namespace."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tasks import egress
from tasks.egress import Guard
from tasks.handlers.script import Script, ScriptParams
from tasks.scripts import proxy
from tests.support import contexts, http_server
from tests.support.http_server import HttpServer
from tests.support.processes import eventually


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        running.answer("/hello", body=b"hello")
        yield running


@pytest.fixture
def refused() -> list[str]:
    return []


@pytest.fixture
def port(refused: list[str], server: HttpServer) -> Iterator[int]:
    """Of a proxy that lets out to the server alone."""
    with proxy.serving(Guard([f"127.0.0.1:{server.port}"]), refused.append) as gate:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            socket.send_fds(gate, [b"."], [listener.fileno()])
            port: int = listener.getsockname()[1]
        yield port


def through(port: int, url: str, **headers: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"}))
    return opener.open(urllib.request.Request(url, headers=headers), timeout=60)


def test_plain_call_is_passed_on_as_the_server_expects_it(port: int, server: HttpServer) -> None:
    answer = through(port, server.url("/hello?a=1"), **{"X-Mine": "yes", "Proxy-Authorization": "secret"})
    assert answer.read() == b"hello"
    (request,) = server.requests
    assert (request.path, request.query, request.headers["x-mine"]) == ("/hello", "a=1", "yes")
    assert "proxy-authorization" not in request.headers
    assert request.headers["connection"] == "close"


def test_tunnel_carries_whatever_is_spoken(port: int, server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.set_tunnel("127.0.0.1", server.port)
    connection.request("POST", "/hello", body=b"x" * 300_000)
    assert connection.getresponse().read() == b"hello"
    assert len(server.requests[0].body) == 300_000
    connection.close()


def socks(port: int, kind: bytes, place: bytes, to: int, command: int = 1) -> tuple[bytes, socket.socket]:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(b"\x05\x02\x00\x02")
    assert connection.recv(2) == b"\x05\x00"
    connection.sendall(bytes([5, command, 0]) + kind + place + to.to_bytes(2))
    return connection.recv(10), connection


@pytest.mark.parametrize(
    ("kind", "place"), [(b"\x01", bytes([127, 0, 0, 1])), (b"\x03", b"\x09127.0.0.1")], ids=["address", "name"]
)
def test_socks_carries_whatever_is_spoken(port: int, server: HttpServer, kind: bytes, place: bytes) -> None:
    answer, connection = socks(port, kind, place, server.port)
    assert answer[:2] == b"\x05\x00"
    with connection:
        connection.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"hello")


def test_other_wishes_of_socks_are_refused(port: int, server: HttpServer) -> None:
    for command, kind, code in ((2, b"\x01", 7), (1, b"\x09", 8)):
        answer, connection = socks(port, kind, bytes([127, 0, 0, 1]), server.port, command)
        connection.close()
        assert answer[1] == code


FORBIDDEN = ["127.0.0.1:1", "169.254.169.254:80", "10.0.0.1:5432", "[::1]:6379", "0x7f000001:22", "2130706433:22"]


@pytest.mark.parametrize("place", FORBIDDEN)
def test_what_the_guard_forbids_is_refused_and_told(port: int, refused: list[str], place: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"http://{place}/")
    answer = connection.getresponse()
    assert answer.status == 403
    connection.close()
    host, _, number = place.rpartition(":")
    assert [message.startswith(f"refused a connection to {host.strip('[]')}:{number}: ") for message in refused] == [
        True
    ]


def test_own_servers_are_refused_whatever_is_allowed(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", server.port)}))
    said: list[str] = []
    with (
        proxy.serving(Guard(["127.0.0.1", "0.0.0.0/0"]), said.append) as gate,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        socket.send_fds(gate, [b"."], [listener.fileno()])
        answer, connection = socks(listener.getsockname()[1], b"\x01", bytes([127, 0, 0, 1]), server.port)
        connection.close()
    assert answer[1] == 2
    assert server.requests == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /path HTTP/1.1\r\n\r\n", 400),
        (b"GET https://127.0.0.1/ HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n", 400),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\nX: " + b"x" * 200_000, 400),
    ],
    ids=["nonsense", "no host", "https", "port", "endless head"],
)
def test_what_is_no_request_is_answered_so(port: int, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(64).startswith(b"HTTP/1.1 %d " % status)


def test_server_that_does_not_answer_is_a_bad_gateway(server: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = free.getsockname()[1]
    with (
        proxy.serving(Guard([f"127.0.0.1:{gone}"]), lambda _: None) as gate,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        socket.send_fds(gate, [b"."], [listener.fileno()])
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
        connection.request("GET", f"http://127.0.0.1:{gone}/")
        assert connection.getresponse().status == 502
        connection.close()


def proxies() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("script-proxy")]


def test_connections_end_with_the_proxy(server: HttpServer) -> None:
    server.hang("/slow")
    with (
        proxy.serving(Guard(["127.0.0.1"]), lambda _: None) as gate,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        socket.send_fds(gate, [b"."], [listener.fileno()])
        connection = socket.create_connection(listener.getsockname(), timeout=60)
        connection.sendall(b"GET " + server.url("/slow").encode() + b" HTTP/1.1\r\n\r\n")
        assert server.arrived.acquire(timeout=60)
    assert connection.recv(1) == b""
    connection.close()
    assert eventually(lambda: proxies() == [])


def test_proxy_whose_command_never_started_ends() -> None:
    with proxy.serving(Guard([]), lambda _: None):
        pass
    assert eventually(lambda: proxies() == [])


@pytest.mark.needs("bwrap", "curl")
def test_script_reaches_what_its_tenants_calls_reach_and_nothing_else(server: HttpServer) -> None:
    curl = "curl -sS -m 10 -o /dev/null -w '%{http_code} ' --noproxy '' "
    script = (
        f"{curl} {server.url('/hello')}; {curl} -x $ALL_PROXY {server.url('/hello')}; {curl} http://169.254.169.254/;"
        f" {curl} --noproxy '*' {server.url('/hello')}; env | grep -ci _proxy="
    )
    with contexts.recording([f"127.0.0.1:{server.port}"]) as context:
        Script().run(ScriptParams(script=script, network=True), context)
    assert context.messages("stdout") == ["200 200 403 000 8"]
    assert len(server.requests) == 2
    assert any("169.254.169.254:80" in message for message in context.messages())
    assert eventually(lambda: proxies() == [])


@pytest.mark.needs("bwrap")
def test_script_that_does_not_ask_for_it_has_no_way_out(server: HttpServer) -> None:
    script = (
        "env | grep -ci _proxy=; python3 -c 'import socket; print(socket.socket().connect_ex((\"127.0.0.1\", 3128)))'"
    )
    with contexts.recording(["127.0.0.1"]) as context:
        Script().run(ScriptParams(script=script), context)
    assert context.messages("stdout") == ["0", "111"]
