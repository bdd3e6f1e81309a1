"""What an exception of somebody's code becomes."""

from __future__ import annotations

import asyncio

import pytest

from jobs.callables.arguments import Arguments
from jobs.handlers import PermanentFailure
from tasks import calling, failures
from tests.support.contexts import RecordingContext


class OwnError(KeyError):
    """Somebody's."""


def test_handlers_own_failure_stays_what_it_is():
    failure = PermanentFailure("never")
    assert failures.of(failure) is failure


def test_any_other_is_known_by_its_classes_and_its_words():
    failure = failures.of(OwnError("a"))
    assert str(failure) == "OwnError: 'a'"
    assert failure.tags >= {"exception:OwnError", "exception:KeyError", "exception:LookupError"}
    assert "exception:BaseException" not in failure.tags


def test_traceback_begins_with_the_first_frame_of_theirs():
    async def inner() -> None:
        await asyncio.sleep(0)
        raise OwnError("a")

    async def outer() -> None:
        await asyncio.create_task(inner())

    try:
        calling.call(outer, Arguments(outer).check([], {}), RecordingContext())
    except OwnError as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # this function's own frame
        first, *_, last = failures.trimmed(error).splitlines()
        assert first.endswith("in outer")
        assert last.endswith("OwnError: 'a'")


def test_an_exception_without_a_frame_of_theirs_keeps_its_last():
    with pytest.raises(PermanentFailure) as caught:
        calling.call(object, Arguments(lambda: None).check([], {}), RecordingContext())
    error = caught.value
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert "in _json" in failures.trimmed(error)
