"""Calls that get no answer, no end of one, or may not be made."""

from __future__ import annotations

import ssl
import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from jobs.rules.codes import Failure
from tasks import egress
from tests.support import http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.support.names import Names
from tests.tasks.handlers.http_calls import call, failure


def test_refused_connection_is_tagged(context: RecordingContext) -> None:
    with http_server.serving() as gone:
        url = gone.url()
    error = failure(context, url)
    assert (error.code, error.tags) == (Failure.EXECUTION_FAILED, {"connection"})


def test_unknown_host_is_tagged_as_a_connection_error(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch)
    error = failure(context, "http://nowhere.test/")
    assert error.tags == {"connection"}
    assert "nowhere.test" in str(error)


def test_connection_closed_without_an_answer_is_tagged(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=lambda *_: None)
    assert failure(context, server.url()).tags == {"connection"}


def test_missing_answer_is_a_timeout(server: HttpServer, context: RecordingContext) -> None:
    server.hang("/")
    context.timeout = 0.3
    context.__post_init__()
    assert failure(context, server.url()).code == Failure.TIMEOUT


def test_answer_that_drips_is_a_timeout_of_the_whole_call(server: HttpServer, context: RecordingContext) -> None:
    def drip(wire: BinaryIO, closing: threading.Event) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")  # whole after six seconds
        while not closing.wait(0.02):
            wire.write(b"x")

    server.answer("/", raw=drip)
    context.timeout = 0.5
    context.__post_init__()
    assert failure(context, server.url()).code == Failure.TIMEOUT


def endless(head: bytes, chunk: bytes) -> http_server.Raw:
    def write(wire: BinaryIO, closing: threading.Event) -> None:
        wire.write(head)
        while not closing.is_set():
            wire.write(chunk)

    return write


def test_endless_headers_end_the_call(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100))
    assert failure(context, server.url()).tags == {"connection"}


def test_endless_body_is_cut_off(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536))
    result = call(context, server.url())
    assert result["truncated"] is True
    assert result["bytes"] < 2 * 1024 * 1024


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://2130706433:1/"]
)
def test_forbidden_target_is_refused(context: RecordingContext, url: str) -> None:
    context.allowed_hosts = []
    error = failure(context, url)
    assert isinstance(error, egress.UnsafeTarget)
    assert error.code == Failure.UNSAFE_TARGET


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *files]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return tls


@pytest.mark.needs("openssl")
def test_certificate_nobody_vouches_for_is_accepted_only_when_told_to(
    context: RecordingContext, self_signed: ssl.SSLContext
) -> None:
    with http_server.serving(tls=self_signed) as server:
        error = failure(context, server.url())
        assert error.tags == {"connection"}
        assert "certificate" in str(error)
        assert call(context, server.url(), verify_tls=False)["status"] == 200
