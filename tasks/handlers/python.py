"""The ``python`` job type: a call of a function registered in code, see docs/python-jobs.md; or one for each of many items.

It needs a process of its own: it is interrupted in the main thread, and killed if it does not end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from pydantic import Field

from jobs.callables import registry
from jobs.callables.arguments import Call, InvalidArgumentsError, Place
from jobs.callables.registry import Registered, UnknownCallableError
from jobs.handlers import Allowance, Context, Handler, HandlerError, Json, Params, PermanentFailure, RetryLater
from jobs.rules.codes import Failure
from tasks import calling, foreign
from tasks.fan_out import FanOut, Outcome

#: Of a refusal or a failure; who wants all of them looks at the items themselves.
MOST_NAMED = 5
MOST_ERROR_CHARS = 300


class PythonParams(Params):
    callable: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="A name listed at /callables.")
    args: list[Json] = Field(default=[], description="Arguments by place, after the item if there are items.")
    kwargs: dict[str, Json] = Field(default={}, description="Arguments by name.")
    items: list[Json] | None = Field(
        default=None, max_length=10_000, description="Call once for each of these, as the first argument."
    )
    max_threads: int = Field(default=4, ge=1, description="Items at once; the installation has a limit of its own.")
    on_error: Literal["continue", "stop"] = Field(
        default="continue", description="Whether a failed item keeps those after it from being started."
    )


class Python(Handler[PythonParams]):
    job_type = "python"
    title = "Python"
    description = (
        "Calls a function that the installation's own code has registered, once or for each of a list of items."
    )
    params = PythonParams
    example: ClassVar[dict[str, Json]] = {"callable": "shop.jobs:import_orders", "kwargs": {"region": "eu"}}

    def refusals(self, params: PythonParams, tenant: Allowance) -> Mapping[str, Sequence[str]]:
        # The list is asked first: what else exists is nobody's business.
        if not registry.allows(tenant.allowed_callables, params.callable):
            return {"callable": [f"{params.callable!r} is not among the callables this tenant may use: see /callables"]}
        try:
            _calls(registry.get(params.callable), params)
        except UnknownCallableError as error:
            return {"callable": [str(error)]}
        except InvalidArgumentsError as error:
            return {_path(place): [message] for place, message in error.problems[:MOST_NAMED]}
        return {}

    def run(self, params: PythonParams, context: Context) -> Json:
        try:
            return self._run(registry.get(params.callable), params, context)
        finally:
            _close_databases()

    def _run(self, entry: Registered, params: PythonParams, context: Context) -> Json:
        calls = _calls(entry, params)
        if params.items is None:
            return calling.call(entry.function, calls[0], context)
        outcomes = FanOut(
            lambda index, item: calling.call(entry.function, calls[index], item),
            count=len(calls),
            threads=min(params.max_threads, settings.MAX_THREADS),
            stop_on_error=params.on_error == "stop",
            attempt=context,
        ).run()
        result = _summary(outcomes, len(calls))
        if failure := _failure(outcomes, len(calls), result):
            raise failure
        return result


def _close_databases() -> None:
    """Whatever a callable opened beside our own, so that none grows stale or is left broken in a long-lived process."""
    for connection in connections.all(initialized_only=True):
        if connection.alias != DEFAULT_DB_ALIAS:
            connection.close()


def _calls(entry: Registered, params: PythonParams) -> list[Call]:
    """The call or calls a payload asks for; raises InvalidArgumentsError with places in the payload."""
    if params.items is None:
        return [entry.arguments.check(params.args, params.kwargs)]
    calls: list[Call] = []
    for index, item in enumerate(params.items):
        try:
            calls.append(entry.arguments.check([item, *params.args], params.kwargs))
        except InvalidArgumentsError as error:
            raise InvalidArgumentsError([(_beside(place, index), text) for place, text in error.problems]) from None
    return calls


def _beside(place: Place, index: int) -> Place:
    """A place among a call's arguments as one in a payload with items."""
    match place:
        case ("args", 0, *inside):
            return ("items", index, *inside)
        case ("args", int(position), *inside):
            return ("args", position - 1, *inside)
    return place


def _path(place: Place) -> str:
    first, *inside = place
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inside)


def _summary(outcomes: Sequence[Outcome], count: int) -> dict[str, Any]:
    """Counts, and each item's result or error as far as a result may be long: failures first."""
    failed = sum(outcome.error is not None for outcome in outcomes)
    entries, left = [], foreign.ENCODED_CHARS
    for outcome in sorted(outcomes, key=lambda outcome: outcome.error is None):
        entry = {"item": outcome.index, **_told(outcome)}
        left -= len(json.dumps(entry)) + 2
        if left < 0:
            break
        entries.append(entry)
    return {
        "items": count,
        "succeeded": len(outcomes) - failed,
        "failed": failed,
        "not_started": count - len(outcomes),
        "results": sorted(entries, key=lambda entry: entry["item"]),
        "omitted": len(outcomes) - len(entries),
    }


def _told(outcome: Outcome) -> dict[str, Json]:
    return {"result": outcome.result} if outcome.error is None else {"error": _words(outcome.error)}


def _words(error: BaseException) -> str:
    return foreign.storable(str(error)[:MOST_ERROR_CHARS])


def _failure(outcomes: Sequence[Outcome], count: int, result: Json) -> HandlerError | None:
    """What the failed items make of the attempt."""
    failed = {outcome.index: outcome.error for outcome in outcomes if isinstance(outcome.error, HandlerError)}
    if not failed:
        return None
    named = ", ".join(f"items[{index}] ({_words(error)})" for index, error in [*failed.items()][:MOST_NAMED])
    more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    message = f"{len(failed)} of {count} items failed: {named}{more}"
    errors = list(failed.values())
    tags = {tag for error in errors for tag in error.tags}
    codes = {error.code for error in errors}
    code = codes.pop() if len(codes) == 1 else Failure.EXECUTION_FAILED
    if all(isinstance(error, PermanentFailure) for error in errors):
        return PermanentFailure(message, code=code, tags=tags, result=result)
    if delays := [error.delay for error in errors if isinstance(error, RetryLater)]:
        return RetryLater(message, delay=max(delays), code=code, tags=tags, result=result)
    return HandlerError(message, code=code, tags=tags, result=result)
