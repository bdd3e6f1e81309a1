"""Prints and log records of a handler go into its log; nobody else's do."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading

import pytest

from jobs.callables import current
from tasks.capture import captured
from tests.support.contexts import RecordingContext


@pytest.fixture
def context() -> RecordingContext:
    return RecordingContext()


def lines(context):
    return [(line.level, line.stream, line.message) for line in context.lines]


def test_lines_are_whole_however_they_are_written(context):
    with captured(context):
        sys.stdout.write("one, ")
        sys.stdout.write("still one\ntwo\n\nlast")
    assert lines(context) == [("info", "stdout", text) for text in ("one, still one", "two", "", "last")]


def test_streams_are_told_apart(context):
    with captured(context):
        sys.stderr.write("oops\n")
        sys.stdout.write("fine\n")
    assert lines(context) == [("info", "stderr", "oops"), ("info", "stdout", "fine")]


def test_log_records_keep_their_level_and_their_traceback(context):
    with captured(context):
        try:
            raise KeyError("gone")
        except KeyError:
            logging.getLogger("a.library").exception("it broke")
    ((level, stream, text),) = lines(context)
    assert (level, stream) == ("error", "log")
    assert text.startswith("it broke\nTraceback")
    assert text.endswith("KeyError: 'gone'")


def test_debug_records_are_left_out(context):
    noisy = logging.getLogger("noisy")
    noisy.setLevel(logging.DEBUG)
    with captured(context):
        noisy.debug("too much")
    noisy.setLevel(logging.NOTSET)
    assert lines(context) == []


def test_records_of_the_processs_own_threads_are_not_the_tenants(context):
    with captured(context):
        thread = threading.Thread(target=logging.getLogger("ours").warning, args=("secret",))
        thread.start()
        thread.join()
    assert lines(context) == []


def test_record_that_cannot_be_formatted_harms_nobody(context, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with captured(context):
        logging.getLogger("a.library").warning("%d of them", "many")
        sys.stdout.write("goes on\n")
    assert lines(context) == [("info", "stdout", "goes on")]


def test_streams_and_logging_are_as_before_afterwards(context):
    out, err, handlers = sys.stdout, sys.stderr, list(logging.getLogger().handlers)
    with contextlib.suppress(ValueError), captured(context):
        sys.stdout.write("half")
        raise ValueError
    assert (sys.stdout, sys.stderr, logging.getLogger().handlers) == (out, err, handlers)
    assert lines(context) == [("info", "stdout", "half")]


def test_thread_with_a_context_of_its_own_prints_and_logs_there_and_whole_lines(context):
    item, begun, printed = RecordingContext(), threading.Event(), threading.Event()

    def work():
        with current.entered(item):
            sys.stdout.write("one, ")
            begun.set()
            printed.wait(60)
            sys.stdout.write("two\n")
            logging.getLogger("a.library").warning("three")
            sys.stderr.write("half")

    with captured(context):
        thread = threading.Thread(target=work)
        thread.start()
        assert begun.wait(60)
        sys.stdout.write("in between\n")
        printed.set()
        thread.join()
    assert lines(item) == [("info", "stdout", "one, two"), ("warning", "log", "three"), ("info", "stderr", "half")]
    assert lines(context) == [("info", "stdout", "in between")]


def test_what_a_thread_without_a_context_prints_is_the_attempts(context):
    with captured(context):
        thread = threading.Thread(target=sys.stdout.write, args=("from a thread\n",))
        thread.start()
        thread.join()
    assert lines(context) == [("info", "stdout", "from a thread")]
