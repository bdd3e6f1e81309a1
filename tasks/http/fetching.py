"""From a payload, or a status URL, to the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import httpx2

from jobs.handlers import HandlerError
from jobs.rules.codes import Failure
from tasks import http_answer, http_client
from tasks.http.exchange import Exchange
from tasks.http.judging import JUDGED_BYTES
from tasks.http.log_ins import LogIn
from tasks.http.params import HttpParams
from tasks.http_answer import Answer, Sink

#: Builds the request with the headers of a log-in.
Build = Callable[[Mapping[str, str]], httpx2.Request]

#: What takes the body of an answer.
Into = Callable[[httpx2.Response], Sink]


def fetch(exchange: Exchange, into: Into | None = None) -> Answer:
    """The answer to what the payload asks; the body goes ``into`` what takes it as it comes."""
    return _sent(exchange, exchange.first, into, at_home=True)


def look(exchange: Exchange, url: httpx2.URL, into: Into | None = None) -> Answer:
    """The answer of a status URL."""
    at_home = exchange.is_home(url)
    return _sent(exchange, lambda log_in: exchange.look(url, log_in), into, at_home=at_home)


def broken(error: httpx2.TransportError, call: http_client.Call) -> HandlerError:
    """The failure of a call that got no answer, or no whole one."""
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout) or time.monotonic() >= call.deadline:
        return HandlerError("no complete answer within the attempt's time", code=Failure.TIMEOUT, tags={"timeout"})
    return HandlerError(f"the call failed: {error or type(error).__name__}", tags={"connection"})


def _sent(exchange: Exchange, build: Build, into: Into | None, *, at_home: bool) -> Answer:
    """Sent once, and once more with a new token if the first was refused."""
    params, context = exchange.params, exchange.context
    log_in = LogIn(params, context)
    reading = _Reading(params, into)
    may_renew = log_in.renewable
    while True:
        request = build(log_in.headers() if at_home else {})
        reading.skips = may_renew
        answer = exchange.send(request, reading, follow=params.follow_redirects, at_home=at_home)
        if not (may_renew and answer.status == HTTPStatus.UNAUTHORIZED):
            return answer
        context.log("the token was refused: asking for another one")
        log_in.forget()
        may_renew = False


class _Reading:
    """How an answer is read."""

    def __init__(self, params: HttpParams, into: Into | None) -> None:
        self._params = params
        self._into = into
        #: Whether a 401 is not the answer that is kept.
        self.skips = False

    def __call__(self, response: httpx2.Response) -> Answer:
        is_kept = not (self.skips and response.status_code == HTTPStatus.UNAUTHORIZED)
        fails = self._params.refuses_longer and is_kept and self._params.expects(response.status_code)
        length = response.headers.get("content-length", "")
        if (
            fails
            and length.isdigit()
            and int(length[:20]) > self._params.most_bytes
            and response.request.method != "HEAD"
        ):
            raise self._too_large(f"{length[:20]} bytes")
        judged = self._params.success_if or self._params.extract or self._params.poll
        keep = JUDGED_BYTES if judged else http_answer.KEPT_BYTES
        sink = self._into(response) if self._into and is_kept else None
        answer = http_answer.read(response, most=self._params.most_bytes, keep=keep, into=sink)
        if fails and answer.is_cut:
            raise self._too_large("more")
        return answer

    def _too_large(self, has: str) -> HandlerError:
        message = f"the answer has {has}, and max_answer_bytes allows {self._params.most_bytes}"
        return HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"too_large"})
