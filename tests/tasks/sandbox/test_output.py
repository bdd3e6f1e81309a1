from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tasks.sandbox import output
from tasks.sandbox.output import Output
from tests.support import contexts
from tests.support.contexts import RecordingContext


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording() as recording:
        yield recording


def fed(context: RecordingContext, *chunks: bytes, stream: str = "stdout") -> Output:
    printed = Output(context)
    for chunk in chunks:
        printed.feed(stream, chunk)
    printed.close()
    return printed


def test_lines_are_logged_whole_wherever_the_chunks_were_cut(context: RecordingContext) -> None:
    fed(context, b"on", b"e\ntw", b"o\n", b"\n", b"three")
    assert context.messages("stdout") == ["one", "two", "", "three"]


def test_line_is_logged_as_soon_as_it_ends(context: RecordingContext) -> None:
    Output(context).feed("stderr", b"one\ntw")
    assert context.messages("stderr") == ["one"]


def test_streams_do_not_mix_within_a_line(context: RecordingContext) -> None:
    printed = Output(context)
    for stream, chunk in (("stdout", b"a"), ("stderr", b"x"), ("stdout", b"b\n"), ("stderr", b"y\n")):
        printed.feed(stream, chunk)
    assert [(line.stream, line.message) for line in context.lines] == [("stdout", "ab"), ("stderr", "xy")]


def test_what_is_no_text_is_replaced(context: RecordingContext) -> None:
    fed(context, b"a\xff\x00b\r\n")
    assert context.messages("stdout") == ["a\ufffd\ufffdb"]


def test_character_cut_by_a_chunk_is_whole_in_the_log(context: RecordingContext) -> None:
    fed(context, "é".encode()[:1], "é".encode()[1:])
    assert context.messages("stdout") == ["é"]


@pytest.mark.parametrize("offset", range(4))
def test_long_line_is_cut_between_characters(context: RecordingContext, offset: int) -> None:
    text = "x" * offset + "𝄞" * 5000
    fed(context, text.encode() + b"\n")
    pieces = context.messages("stdout")
    assert "".join(pieces) == text
    assert len(pieces) == 3
    assert max(len(piece.encode()) for piece in pieces) <= 8 * 1024


def test_line_without_end_is_logged_and_not_hoarded(context: RecordingContext) -> None:
    printed = Output(context)
    for _ in range(100):
        printed.feed("stdout", b"x" * 65536)
        assert max(map(len, printed._unfinished.values())) <= output.LONGEST_LINE_BYTES
    assert sum(map(len, context.messages("stdout"))) >= 99 * 65536


def test_output_beyond_the_cap_is_counted_said_once_and_not_kept(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOGGED_BYTES", 1024 * 1024)
    printed = fed(context, *[b"x" * 999 + b"\n"] * 2000)
    kept = sum(len(line) + 1 for line in context.messages("stdout"))
    assert 1024 * 1024 - 1000 <= kept <= 1024 * 1024
    assert printed.dropped == 2_000_000 - kept
    assert context.messages() == ["output truncated after 1 MiB: the rest is dropped"]


def test_result_is_found_beyond_the_cap(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOGGED_BYTES", 10)
    assert fed(context, b"x" * 100 + b"\n", b'::result {"a": 1}\n').result == {"a": 1}


@pytest.mark.parametrize(
    ("printed", "result"),
    [
        (b"", None),
        (b"done\n42\n", None),
        (b'::result {"a": 1}\n', {"a": 1}),
        (b"::result 42", 42),
        (b'::result "text"\nbye\n', "text"),
        (b"::result [1]\n::result [2]\n[3]\n", [2]),
        (b'{"a": 1}\nbye\n', {"a": 1}),
        (b'{"a": 1}\n[2]\n{broken\n', [2]),
        (b'{"a": 1}\r\n', {"a": 1}),
        (b'noise ::result {"a": 1}\n', None),
    ],
)
def test_result_is_the_last_marked_line_or_else_the_last_json_line(
    context: RecordingContext, printed: bytes, result: object
) -> None:
    assert fed(context, printed).result == result


def test_result_is_looked_for_in_stdout_only(context: RecordingContext) -> None:
    assert fed(context, b"::result 1\n", stream="stderr").result is None


@pytest.mark.parametrize("value", [b"{broken", b"NaN", b'"\\u0000"', json.dumps("x" * 65536).encode()])
def test_marked_line_that_is_no_usable_result_is_said(context: RecordingContext, value: bytes) -> None:
    assert fed(context, b"::result " + value + b"\n").result is None
    assert context.messages()[0].startswith("this ::result line is ignored")


TOKEN = "s3cr3t-token"


def test_a_secret_cut_by_chunks_is_masked(context: RecordingContext) -> None:
    context.secrets = [TOKEN]
    fed(context, *(bytes([byte]) for byte in f"a {TOKEN}\n{TOKEN}".encode()))
    assert context.messages("stdout") == ["a ***", "***"]


@pytest.mark.parametrize("cut", [output.PIECE_BYTES, output.LONGEST_LINE_BYTES, 3 * output.PIECE_BYTES])
@pytest.mark.parametrize("before", [1, 5, 11])
def test_a_secret_in_a_line_that_is_cut_is_masked(context: RecordingContext, cut: int, before: int) -> None:
    context.secrets = [TOKEN]
    text = b"x" * (cut - before) + TOKEN.encode() + b"y" * 100
    fed(context, text[: cut - 2], text[cut - 2 :])
    said = "".join(context.messages("stdout"))
    assert said == "x" * (cut - before) + "***" + "y" * 100


def test_result_is_masked_and_stays_json(context: RecordingContext) -> None:
    context.secrets = [awkward := 'pass"word\\with/all']
    printed = fed(context, b"::result " + json.dumps({"a": awkward}).encode() + b"\n")
    assert printed.result == {"a": "***"}


def test_secrets_of_one_stream_are_not_held_back_in_the_other(context: RecordingContext) -> None:
    context.secrets = [TOKEN]
    printed = Output(context)
    printed.feed("stdout", b"a line\ns3cr")
    printed.feed("stderr", b"3t-token\n")
    assert [(line.stream, line.message) for line in context.lines] == [("stdout", "a line"), ("stderr", "3t-token")]


def test_what_is_beyond_the_log_is_searched_and_not_kept(context: RecordingContext) -> None:
    chunk = (b"x" * 99 + b"\n") * 1000
    printed = output.Output(context)
    for _ in range(300):
        printed.feed("stdout", chunk)
    printed.feed("stdout", b'{"rows": 1}\r\n::result 7\r\nx')
    printed.close()
    assert printed.result == 7
    assert sum(len(line.message) + 1 for line in context.lines) + printed.dropped > 30_000_000
    assert sum(len(line.message) for line in context.lines) <= output.LOGGED_BYTES + 200
    assert printed._unfinished["stdout"] == b""
