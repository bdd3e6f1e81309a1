"""Lines on their way to the database: in order, numbered, bounded, and storable whatever they hold."""

from __future__ import annotations

import json

import pytest

from tasks import journal
from tasks.journal import Journal
from tests.support.threads import together


def written(*messages: str, last_seq: int = 0) -> Journal:
    lines = Journal(last_seq)
    for message in messages:
        lines.write(message, level="info", stream="stdout")
    return lines


def texts(tail):
    return [line[3] for line in tail.lines]


def test_numbers_go_on_from_earlier_attempts():
    assert written("a", last_seq=7).take().first_seq == 8


def test_what_was_taken_does_not_come_again():
    lines = written("a", "b")
    assert texts(lines.take()) == ["a", "b"]
    assert lines.take() is None
    lines.write("c", level="error", stream="stderr")
    rest = lines.rest()
    assert (rest.first_seq, texts(rest), rest.lines[0][1:3]) == (3, ["c"], ["error", "stderr"])
    assert lines.rest().lines == []


def test_chunk_that_was_put_back_comes_first_again_under_its_numbers():
    lines = written("a", "b")
    tail = lines.take()
    lines.write("c", level="info", stream="stdout")
    lines.put_back(tail)
    again = lines.take()
    assert (again.first_seq, texts(again)) == (1, ["a", "b", "c"])


def test_chunks_are_bounded(monkeypatch):
    monkeypatch.setattr(journal, "CHUNK_BYTES", 200)
    lines = written(*["x" * 50] * 5)
    sizes = []
    while tail := lines.take():
        sizes.append(len(tail.lines))
    assert sizes == [2, 2, 1]


def test_long_line_is_cut():
    assert texts(written("x" * 100_000).rest()) == ["x" * journal.MAX_LINE]


def test_lines_beyond_the_limit_are_counted_and_not_kept(monkeypatch):
    monkeypatch.setattr(journal, "MAX_BYTES", 1024 * 1024)
    lines = written(*["x" * journal.MAX_LINE] * 130)
    kept = texts(lines.rest())
    assert len(kept) == 129
    assert kept[-1] == "2 more lines were not kept: an attempt may log 1 MiB"
    assert lines.rest().lines == []


@pytest.mark.parametrize(
    "text", ["nul \x00", "half \ud800 a pair", "\udcff from a byte", "emoji \N{PARTY POPPER}", "\ufffd"]
)
def test_any_text_becomes_one_that_can_be_stored(text):
    (line,) = written(text).rest().lines
    assert "\\u0000" not in json.dumps(line)
    line[3].encode()
    assert len(line[3]) == len(text)


def test_threads_that_write_together_lose_nothing():
    lines = Journal(0)

    def talk() -> None:
        for number in range(200):
            lines.write(str(number), level="info", stream="stdout")

    together([talk] * 4)
    tail = lines.rest()
    assert len(tail.lines) == 800


def test_what_is_hidden_is_in_no_line_from_then_on():
    lines = Journal(0)
    lines.hide(["first-secret"])
    lines.hide(["second-secret"])
    lines.write("first-secret and second-secret", level="second-secret", stream="first-secret")
    (line,) = lines.rest().lines
    assert line[1:] == ["***", "***", "*** and ***"]


@pytest.mark.parametrize("before", range(1, 14))
def test_a_secret_in_the_midst_of_a_cut_is_masked_wholly(before):
    lines = Journal(0)
    lines.hide(["s3cr3t-token"])
    lines.write("x" * (journal.MAX_LINE - before) + "s3cr3t-token" + "y" * 100, level="info", stream="stdout")
    (text,) = texts(lines.rest())
    assert text.lstrip("x").rstrip("y") == "***"[: len(text) - (journal.MAX_LINE - before)]
