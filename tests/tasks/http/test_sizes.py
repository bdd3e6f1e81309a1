"""What is sent, and how much of what comes back is taken."""

from __future__ import annotations

import resource
import threading
import time
import zlib
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError

from jobs.handlers import Defer
from jobs.rules.codes import Failure
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure

MIB = 1024 * 1024


def endless(head: bytes, chunk: bytes) -> Any:
    def write(wire: BinaryIO, closing: threading.Event) -> None:
        wire.write(head)
        while not closing.is_set():
            wire.write(chunk)

    return write


@pytest.mark.parametrize(
    ("params", "content_type", "body"),
    [
        ({"base64": "AP8="}, "application/octet-stream", b"\x00\xff"),
        ({"base64": ""}, "application/octet-stream", b""),
        ({"base64": "AP8=", "content_type": "image/png"}, "image/png", b"\x00\xff"),
        ({"body": "<a/>", "content_type": "text/xml"}, "text/xml", b"<a/>"),
        ({"body": '"text"', "content_type": "application/json"}, "application/json", b'"text"'),
    ],
)
def test_bytes_are_sent_as_they_are(
    server: HttpServer, context: RecordingContext, params: dict[str, Any], content_type: str, body: bytes
) -> None:
    call(context, server.url(), method="POST", **params)
    assert (server.requests[0].headers["content-type"], server.requests[0].body) == (content_type, body)


@pytest.mark.parametrize(
    "fields", [{"base64": "@"}, {"base64": "AP8=", "body": 1}, {"base64": "AP8=", "form": {}}, {"max_answer_bytes": 0}]
)
def test_what_cannot_be_sent_or_read_is_refused(fields: Any) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate({"url": "http://x.test/", **fields})


def test_answer_is_read_as_far_as_is_allowed(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", body=b"x" * 5000)
    result = call(context, server.url(), max_answer_bytes=5000)
    assert (len(result["body"]), result["truncated"]) == (5000, False)
    assert call(context, server.url(), max_answer_bytes=4999)["truncated"] is True


@pytest.mark.parametrize("length", [True, False])
def test_longer_answer_fails_where_that_is_said(server: HttpServer, context: RecordingContext, length: bool) -> None:
    server.answer("/", body=b"x" * 5000) if length else server.answer(
        "/", raw=lambda wire, _: wire.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)
    )
    error = failure(context, server.url(), max_answer_bytes=4999, too_large="fail")
    assert (error.code, error.tags) == (Failure.RESOURCE_LIMIT, {"too_large"})


def test_status_says_more_than_the_length_does(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", status=404, body=b"x" * 5000)
    assert failure(context, server.url(), max_answer_bytes=1000, too_large="fail").tags == {"http:404", "http:4xx"}


@pytest.mark.parametrize("chunked", [True, False])
def test_answer_without_end_takes_no_more_memory_than_its_cap(
    server: HttpServer, context: RecordingContext, chunked: bool
) -> None:
    chunk = b"x" * MIB
    head = b"HTTP/1.1 200 OK\r\n" + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n")
    wire = b"%x\r\n%s\r\n" % (MIB, chunk) if chunked else chunk
    server.answer("/", raw=endless(head, wire))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = call(context, server.url(), max_answer_bytes=64 * MIB, success_if="status == 200")
    assert 64 * MIB < result["bytes"] <= 65 * MIB
    assert result["truncated"] is True
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


def test_bomb_is_not_unpacked(server: HttpServer, context: RecordingContext) -> None:
    """A gigabyte of zeros in a megabyte, although nobody asked for it packed."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)  # can be repeated as it is
    bomb = bytes.fromhex("1f8b08000000000000ff") + 1000 * block
    server.answer("/", headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"}, body=bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert call(context, server.url())["bytes"] == len(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


def test_body_of_a_redirect_is_not_read_to_its_end(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n", b"x" * MIB))
    assert call(context, server.url(), follow_redirects=True)["bytes"] == 0


def test_url_is_bounded_also_with_its_query_and_after_a_redirect(server: HttpServer, context: RecordingContext) -> None:
    with pytest.raises(ValidationError):
        HttpParams(url=server.url("/" + "x" * 8192))
    error = failure(context, server.url(), query={"a": "x" * 20_000})
    assert error.code == Failure.PAYLOAD_INVALID
    server.answer("/", status=302, headers={"Location": "/" + "x" * 9000})
    assert failure(context, server.url(), follow_redirects=True).code == Failure.UNSAFE_TARGET


@pytest.mark.parametrize("chunk", [b"X-More: and more\r\n" * 100, b"X" * 4096])
def test_headers_are_bounded(server: HttpServer, context: RecordingContext, chunk: bytes) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n", chunk))
    assert failure(context, server.url()).tags == {"connection"}


def test_preliminary_answers_without_end_stop_at_the_deadline(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
    context.timeout = 0.5
    context.__post_init__()
    assert failure(context, server.url()).code == Failure.TIMEOUT


def test_body_is_kept_as_an_artifact(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", headers={"Content-Type": "text/csv"}, body=b"x" * 3_000_000)
    result = call(context, server.url(), save_as="rows.csv")
    assert (result["body"], result["bytes"], result["truncated"]) == (None, 3_000_000, False)
    kept = context.artifacts["rows.csv"]
    assert result["artifact"] == kept.reference
    assert (kept.reference["bytes"], kept.reference["content_type"]) == (3_000_000, "text/csv")


def test_nothing_is_kept_of_an_answer_that_is_no_success(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", body=b'{"state": "failed"}')
    server.answer("/status", status=500, body=b"oops")
    failure(context, server.url(), save_as="a.json", success_if="json.state == 'done'")
    failure(context, server.url("/status"), save_as="a.json")
    failure(context, server.url(), save_as="a.json", max_answer_bytes=5)
    assert context.artifacts == {}
    result = call(context, server.url(), save_as="a.json", max_answer_bytes=5, too_large="truncate")
    assert (result["truncated"], result["artifact"]["bytes"]) == (True, 5)


@pytest.mark.parametrize("kind", ["no type", "text/html; x=<>", ""])
def test_odd_content_type_is_not_taken_over(server: HttpServer, context: RecordingContext, kind: str) -> None:
    server.answer("/", headers={"Content-Type": kind}, body=b"x")
    assert call(context, server.url(), save_as="a")["artifact"]["content_type"] == "application/octet-stream"


def test_answer_without_end_is_no_artifact_and_takes_no_memory(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * MIB))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = failure(context, server.url(), save_as="all")  # the recording context's artifacts have 64 MiB
    assert error.code == Failure.RESOURCE_LIMIT
    assert context.artifacts == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


def test_artifact_of_a_wait_is_what_was_there_at_its_end(server: HttpServer, context: RecordingContext) -> None:
    context.keeps = {"poll": {"url": server.url("/status"), "since": time.time()}}
    server.answer("/status", status=202, body=b"not yet")
    server.answer("/status", body=b"done")
    with pytest.raises(Defer):
        call(context, server.url(), poll={}, save_as="answer")
    assert context.artifacts == {}
    assert call(context, server.url(), poll={}, save_as="answer")["artifact"]["bytes"] == 4
