"""The ``python`` job type: a call of a function registered in code, see docs/python-jobs.md; or one for each of many items.

It needs a process of its own: it is interrupted in the main thread, and killed if it does not end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from pydantic import Field

from jobs.callables import registry
from jobs.callables.arguments import Call, InvalidArgumentsError, Place
from jobs.callables.registry import Registered, UnknownCallableError
from jobs.handlers import Allowance, Context, Handler, Json, Params
from tasks import calling, items
from tasks.fan_out import FanOut

#: Of a refusal; who wants all of them looks at the payload itself.
MOST_NAMED = 5


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
    inputs = frozenset({"args", "kwargs", "items"})
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
            with context.raising_softly():
                return calling.call(entry.function, calls[0], context)
        before = items.earlier(context.earlier_result())
        if before.items:
            done = f"{len(before.items)} of {len(calls)} items succeeded in an earlier attempt"
            context.log(f"{done} and are not called again", stream="carillon")
        outcomes = FanOut(
            lambda index, item: calling.call(entry.function, calls[index], item),
            indexes=[index for index in range(len(calls)) if index not in before.items],
            count=len(calls),
            threads=min(params.max_threads, settings.MAX_THREADS),
            stop_on_error=params.on_error == "stop",
            attempt=context,
        ).run()
        result = items.summary(outcomes, len(calls), before)
        if failure := items.failure(outcomes, len(calls), result):
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
