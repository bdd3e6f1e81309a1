"""One call of a callable: sync or async, to a JSON result or an exception that no worker dies of."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_core import to_jsonable_python

from jobs.callables.arguments import Call
from jobs.handlers import Cancelled, Context, HandlerError, Interrupted, Json, PermanentFailure
from tasks import foreign

#: How often an event loop looks whether it is still wanted: an interruption may be raised in one of its
#: own callbacks, and be swallowed there.
GLANCE_SECONDS = 0.2


def call(function: Callable[..., Any], arguments: Call, context: Context) -> Json:
    """The callable's result as JSON. Its ``sys.exit`` is judged like a script's."""
    bound = arguments.bound(context)
    try:
        result = function(*bound.args, **bound.kwargs)
        if inspect.isawaitable(result):
            result = asyncio.run(_watched(result, context))
    except SystemExit as ending:
        if ending.code not in (None, 0):
            raise HandlerError(f"sys.exit({ending.code!r})", tags={f"exit:{ending.code}"}) from None
        return None
    except (Exception, Interrupted):
        raise
    except BaseException as error:
        raise HandlerError(f"{type(error).__name__}: {error}") from error
    return _json(result)


async def _watched(work: Awaitable[Any], context: Context) -> Any:
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=GLANCE_SECONDS)
        if context.cancelled and not task.done():
            task.cancel()
            await asyncio.wait({task})
            if task.cancelled():
                raise Cancelled
    return task.result()


def _json(result: Any) -> Json:
    try:
        converted = to_jsonable_python(result)
        foreign.encoded(converted)
    except (TypeError, ValueError) as error:
        raise PermanentFailure(f"the callable's result is not JSON: {error}") from None
    return converted
