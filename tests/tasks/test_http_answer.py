from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest

from tasks import http_answer
from tasks.http_answer import KEPT_BYTES, READ_BYTES


def result_of(body: bytes, content_type: str = "text/plain", status: int = 200, **headers: str) -> dict[str, object]:
    sent = {"Content-Type": content_type, **headers}
    response = httpx2.Response(status, headers=sent, stream=httpx2.ByteStream(body))
    found: dict[str, object] = http_answer.read(response).result(timings={"connect": 0.001, "total": 0.0123})
    return found


def test_text_is_kept_as_text_in_its_charset() -> None:
    assert result_of("größer".encode("latin-1"), "text/plain; charset=latin-1")["body"] == "größer"


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json", "application/json; charset=utf-8"])
def test_json_is_kept_parsed(kind: str) -> None:
    assert result_of(b'{"a": [1]}', kind)["body"] == {"a": [1]}


@pytest.mark.parametrize("body", ["not json", '{"a": NaN}', '{"a": "\\u0000"}', "[" * 5000])
def test_json_that_cannot_be_stored_is_kept_as_text(body: str) -> None:
    found = result_of(body.encode(), "application/json")
    assert (found["body"], found["truncated"]) == (body, False)


def test_body_beyond_what_is_kept_is_cut_and_marked() -> None:
    found = result_of(b"x" * (KEPT_BYTES + 1))
    assert found["body"] == "x" * KEPT_BYTES
    assert (found["truncated"], found["bytes"]) == (True, KEPT_BYTES + 1)


def test_json_beyond_what_is_kept_is_cut_text() -> None:
    found = result_of(json.dumps(["x" * KEPT_BYTES]).encode(), "application/json")
    assert isinstance(found["body"], str)
    assert found["truncated"] is True


def test_reading_stops_at_the_cap() -> None:
    class Endless(httpx2.SyncByteStream):
        read = 0

        def __iter__(self) -> Iterator[bytes]:
            while True:
                self.read += 65536
                yield b"x" * 65536

    stream = Endless()
    answer = http_answer.read(httpx2.Response(200, stream=stream))
    assert READ_BYTES < stream.read <= READ_BYTES + 65536
    assert len(answer.head) == KEPT_BYTES


@pytest.mark.parametrize("body", [b"\xff" * KEPT_BYTES, b"\x01" * KEPT_BYTES, "é".encode("latin-1") * KEPT_BYTES])
def test_result_stays_small_however_much_its_text_swells(body: bytes) -> None:
    assert len(json.dumps(result_of(body, "text/plain; charset=latin-1"))) < 60 * 1024


def test_compressed_body_is_not_unpacked() -> None:
    found = result_of(b"\x1f\x8b....", **{"Content-Encoding": "gzip"})
    assert (found["body"], found["truncated"], found["bytes"]) == (None, True, 6)


def test_few_headers_are_kept_and_cut() -> None:
    found = result_of(b"", **{"ETag": "x" * 5000, "Set-Cookie": "session=1", "X-Request-Id": "r1"})
    assert found["headers"] == {"content-type": "text/plain", "etag": "x" * 1024, "x-request-id": "r1"}


def test_timings_are_milliseconds() -> None:
    assert result_of(b"")["timings"] == {"connect_ms": 1.0, "total_ms": 12.3}


@pytest.mark.parametrize(("status", "line"), [(503, "503 Service Unavailable"), (299, "299")])
def test_status_line_uses_the_standard_words(status: int, line: str) -> None:
    assert http_answer.read(httpx2.Response(status, stream=httpx2.ByteStream(b""))).line == line
