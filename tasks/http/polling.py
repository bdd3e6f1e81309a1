"""Looking at a status URL until it is done. Between two looks the execution waits in the database, and no worker with it.

What it remembers is the :class:`State` that each :class:`jobs.handlers.Defer` keeps, so that a crash during a look repeats
the look, and not the request that began it all.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, NoReturn

import httpx2

from jobs.handlers import Context, Defer, HandlerError, Json, PermanentFailure
from jobs.rules import json_pointers
from jobs.rules.codes import Failure
from tasks.http import judging
from tasks.http.exchange import shown, target
from tasks.http.params import Poll
from tasks.http_answer import Answer


@dataclass(frozen=True)
class State:
    """Where to look, since when (Unix seconds), how often that was done, and the last pause."""

    url: str
    since: float
    looks: int = 0
    pause_seconds: float = 0.0

    def told(self) -> Json:
        """As it stands in the result."""
        return {"url": shown(httpx2.URL(self.url)), "looks": self.looks, "seconds": round(time.time() - self.since, 3)}


def known(kept: Json) -> State | None:
    """What an earlier go of this attempt kept, if it waits for something."""
    return State(**kept["poll"]) if isinstance(kept, dict) and "poll" in kept else None


def begin(poll: Poll, answer: Answer, base: httpx2.URL, context: Context) -> None:
    """Wait after a first answer that says where to look; returns if it says that all is done."""
    if poll.url is None and answer.status != 202:
        _check_done(poll, answer, context)
        return
    location = _pointed(poll.url, answer) if poll.url is not None else answer.headers.get("location")
    if not isinstance(location, str) or not location:
        raise HandlerError("poll: the answer does not say where to look", tags={"poll"})
    state = State(str(target(base, location)), time.time())
    _check_can_be_stored(state.url, context)
    context.log(f"waiting for {shown(httpx2.URL(state.url))}")
    raise _not_yet(poll, state, answer)


def _check_done(poll: Poll, answer: Answer, context: Context) -> None:
    """Of an answer that leads nowhere; a HandlerError if what was to be waited for is not so."""
    if "until" in poll.model_fields_set and not (verdict := judging.decide(poll.until, answer)).is_true:
        problem = f"cannot be computed: {verdict.problem}" if verdict.problem else "is not true of it"
        message = (
            f"poll: the first answer is {answer.line} and poll.until {problem}; it is no 202, and payload.poll.url is not said:"
            " there is nowhere to look"
        )
        tags = {"poll", f"http:{answer.status}"}
        raise HandlerError(message, code=Failure.RESULT_REFUSED, tags=tags, result=answer.result(timings={}))
    context.log(f"poll: the answer {answer.line} is no 202, so there is nothing to wait for")


def go_on(poll: Poll, state: State, answer: Answer, context: Context) -> State:
    """Judge a look: returns if it is done, raises Defer if not yet, and a HandlerError if it never will be."""
    state = replace(state, looks=state.looks + 1)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        context.log(f"look {state.looks}: {answer.line}: not counted against it", level="warning")
        raise _not_yet(poll, state, answer)
    if poll.fail_if and _is_true("fail_if", poll.fail_if, answer, state):
        raise _failure(f"poll.fail_if is true: {poll.fail_if}", answer, state)
    if _is_true("until", poll.until, answer, state):
        return state
    if answer.status >= 400:
        raise _failure(f"poll: unexpected status {answer.line}", answer, state)
    context.log(f"look {state.looks}: {answer.line}, not done")
    raise _not_yet(poll, state, answer)


def missed(poll: Poll, state: State, problem: str, context: Context) -> NoReturn:
    """A look that got no answer: the next one may."""
    context.log(f"look {state.looks + 1}: {problem}", level="warning")
    raise _not_yet(poll, replace(state, looks=state.looks + 1), None)


def _not_yet(poll: Poll, state: State, answer: Answer | None) -> Exception:
    """What to raise: to look again, or that it takes too long."""
    pause = min(
        state.pause_seconds * poll.backoff or poll.interval_seconds,
        max(poll.max_interval_seconds, poll.interval_seconds),
    )
    asked = judging.retry_after(answer) if answer else None
    left = poll.max_seconds - (time.time() - state.since)
    if left <= 0:
        message = f"poll: not done after {poll.max_seconds:g} s and {state.looks} looks: raise poll.max_seconds"
        return HandlerError(message, code=Failure.TIMEOUT, tags={"poll", "timeout"}, result={"poll": state.told()})
    delay = min(max(pause if asked is None else asked.total_seconds(), 1.0), left)
    return Defer(timedelta(seconds=delay), keep={"poll": asdict(replace(state, pause_seconds=pause))})


def _is_true(name: str, condition: str, answer: Answer, state: State) -> bool:
    verdict = judging.decide(condition, answer)
    if verdict.problem:
        raise _failure(f"poll.{name} cannot be computed of the answer {answer.line}: {verdict.problem}", answer, state)
    return verdict.is_true


def _failure(message: str, answer: Answer, state: State) -> HandlerError:
    kept: dict[str, Any] = answer.result(timings={}) | {"poll": state.told()}
    return HandlerError(message, tags={"poll", f"http:{answer.status}"}, result=kept)


def _pointed(pointer: str, answer: Answer) -> Json:
    try:
        return json_pointers.value(answer.json(), pointer)
    except (ValueError, json_pointers.MissingPlace) as error:
        raise HandlerError(f"poll.url: the answer has no {pointer}: {error}", tags={"poll"}) from None


def _check_can_be_stored(url: str, context: Context) -> None:
    masking = context.masking()
    if (masking.feed(url.encode()) + masking.close()).decode() != url:
        message = "poll: the status URL holds one of the job's secrets, and none is stored: let the server name another"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
