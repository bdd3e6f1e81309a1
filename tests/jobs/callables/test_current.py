"""The running attempt without handing its context about."""

from __future__ import annotations

import contextvars
import logging
import threading

from jobs.callables import current
from tests.support.contexts import RecordingContext


def test_outside_of_an_attempt_nothing_does_harm(caplog):
    with caplog.at_level(logging.INFO):
        current.progress(0.5, "half")
        current.log("hello", level="warning")
        current.log("hello", level="loud")
    assert not current.cancelled()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_inside_it_is_the_attempts():
    context = RecordingContext()
    with current.entered(context):
        current.progress(0.5, "half")
        current.log("hello", level="warning")
        context.stop.set()
        assert current.cancelled()
    assert current.context() is None
    assert context.steps == [(0.5, "half")]
    assert [(line.message, line.level) for line in context.lines] == [("hello", "warning")]


def test_threads_know_it_by_a_copy_of_the_context():
    seen = []
    context = RecordingContext()
    with current.entered(context):
        for run in (lambda function: function(), contextvars.copy_context().run):
            thread = threading.Thread(target=run, args=(lambda: seen.append(current.context()),))
            thread.start()
            thread.join()
    assert seen == [None, context]
