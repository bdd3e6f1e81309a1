"""One call and what is made of it, for job types that call something."""

from __future__ import annotations

import time
from typing import Any

import httpx2

from tasks.http import fetching, judging, polling
from tasks.http.exchange import Exchange
from tasks.http.fetching import Into
from tasks.http.params import Poll


def call(exchange: Exchange, into: Into | None = None) -> dict[str, Any]:
    """The result of the call, whose body goes ``into`` what takes it. A HandlerError if it is no success, Defer to wait."""
    params, context = exchange.params, exchange.context
    started = time.monotonic()
    try:
        answer = fetching.fetch(exchange, into)
    except httpx2.TransportError as error:
        raise fetching.broken(error, exchange.call) from error
    seconds = time.monotonic() - started
    timings = {**exchange.call.timings, "total": seconds}
    context.log(f"answer {answer.line}, {answer.size} bytes in {seconds * 1000:.0f} ms")
    if not params.expects(answer.status):
        raise judging.unexpected(answer, answer.result(timings=timings))
    if params.poll:
        polling.begin(params.poll, answer, httpx2.URL(params.url), context)
    return judging.result(params, answer, timings, {})


def look(exchange: Exchange, poll: Poll, waiting: polling.State, into: Into | None = None) -> dict[str, Any]:
    """One look at what an earlier call of this attempt began."""
    params, context = exchange.params, exchange.context
    started = time.monotonic()
    try:
        answer = fetching.look(exchange, httpx2.URL(waiting.url), into)
    except httpx2.TransportError as error:
        polling.missed(poll, waiting, str(fetching.broken(error, exchange.call)), context)
    done = polling.go_on(poll, waiting, answer, context)
    timings = {**exchange.call.timings, "total": time.monotonic() - started}
    return judging.result(params, answer, timings, {"poll": done.told()})
