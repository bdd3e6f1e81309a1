"""Calls of the `http` job type in the test's own process."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.handlers import HandlerError
from tasks.handlers.http import Http
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext


def call(context: RecordingContext, url: str, **params: Any) -> Any:
    return Http().run(HttpParams(url=url, **params), context)


def failure(context: RecordingContext, url: str, **params: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        call(context, url, **params)
    return caught.value
