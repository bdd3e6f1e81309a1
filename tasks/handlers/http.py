"""The ``http`` job type: one HTTP call, judged by its status and by what the payload says of the answer.

Every connection, those after redirects included, passes the egress guard. The call as a whole ends at the attempt's deadline;
of the answer ``max_answer_bytes`` are read and 16 KiB are kept. With ``poll`` it goes on with looks at a status URL.
"""

from __future__ import annotations

import time
from typing import ClassVar

import httpx2

from jobs.handlers import Context, Handler, Json
from tasks.http import fetching, judging, polling
from tasks.http.exchange import Exchange
from tasks.http.params import HttpParams, Poll


class Http(Handler[HttpParams]):
    job_type = "http"
    title = "HTTP call"
    description = "Calls a URL; fails unless the answer has an expected status."
    params = HttpParams
    threaded = True
    inputs = frozenset({"query", "body", "form", "base64"})
    example: ClassVar[dict[str, Json]] = {
        "method": "POST",
        "url": "https://example.com/hooks/nightly",
        "headers": {"Accept": "application/json"},
        "body": {"report": "daily"},
    }

    def run(self, params: HttpParams, context: Context) -> Json:
        waiting = polling.known(context.kept()) if params.poll else None
        with Exchange(params, context) as exchange:
            if params.poll and waiting:
                return _look(params, params.poll, waiting, exchange, context)
            return _call(params, exchange, context)


def _call(params: HttpParams, exchange: Exchange, context: Context) -> Json:
    started = time.monotonic()
    try:
        answer = fetching.fetch(params, exchange, context)
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


def _look(params: HttpParams, poll: Poll, waiting: polling.State, exchange: Exchange, context: Context) -> Json:
    """One look at what an earlier go of this attempt began."""
    started = time.monotonic()
    try:
        answer = fetching.look(params, httpx2.URL(waiting.url), exchange, context)
    except httpx2.TransportError as error:
        polling.missed(poll, waiting, str(fetching.broken(error, exchange.call)), context)
    done = polling.go_on(poll, waiting, answer, context)
    timings = {**exchange.call.timings, "total": time.monotonic() - started}
    return judging.result(params, answer, timings, {"poll": done.told()})
