"""Prints and log records of a handler go into its journal; nobody else's do."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading

import pytest

from tasks.capture import captured
from tasks.journal import Journal


@pytest.fixture
def journal() -> Journal:
    return Journal(0)


def lines(journal):
    return [tuple(line[1:]) for line in journal.rest().lines]


def test_lines_are_whole_however_they_are_written(journal):
    with captured(journal):
        sys.stdout.write("one, ")
        sys.stdout.write("still one\ntwo\n\nlast")
    assert lines(journal) == [("info", "stdout", text) for text in ("one, still one", "two", "", "last")]


def test_streams_are_told_apart(journal):
    with captured(journal):
        sys.stderr.write("oops\n")
        sys.stdout.write("fine\n")
    assert lines(journal) == [("info", "stderr", "oops"), ("info", "stdout", "fine")]


def test_log_records_keep_their_level_and_their_traceback(journal):
    with captured(journal):
        try:
            raise KeyError("gone")
        except KeyError:
            logging.getLogger("a.library").exception("it broke")
    ((level, stream, text),) = lines(journal)
    assert (level, stream) == ("error", "log")
    assert text.startswith("it broke\nTraceback")
    assert text.endswith("KeyError: 'gone'")


def test_debug_records_are_left_out(journal):
    noisy = logging.getLogger("noisy")
    noisy.setLevel(logging.DEBUG)
    with captured(journal):
        noisy.debug("too much")
    noisy.setLevel(logging.NOTSET)
    assert lines(journal) == []


def test_records_of_the_processs_own_threads_are_not_the_tenants(journal):
    with captured(journal):
        thread = threading.Thread(target=logging.getLogger("ours").warning, args=("secret",))
        thread.start()
        thread.join()
    assert lines(journal) == []


def test_record_that_cannot_be_formatted_harms_nobody(journal, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with captured(journal):
        logging.getLogger("a.library").warning("%d of them", "many")
        sys.stdout.write("goes on\n")
    assert lines(journal) == [("info", "stdout", "goes on")]


def test_streams_and_logging_are_as_before_afterwards(journal):
    out, err, handlers = sys.stdout, sys.stderr, list(logging.getLogger().handlers)
    with contextlib.suppress(ValueError), captured(journal):
        sys.stdout.write("half")
        raise ValueError
    assert (sys.stdout, sys.stderr, logging.getLogger().handlers) == (out, err, handlers)
    assert lines(journal) == [("info", "stdout", "half")]
