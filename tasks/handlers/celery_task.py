"""The ``celery_task`` job type: a task of a Celery app of the tenant's own, run by its workers and waited for here.

It holds a process while it waits, so that a cancel or the end of its time reaches the task: that is revoked then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from jobs.connections import Connection
from jobs.connections.brokers import RabbitMq, Redis
from jobs.handlers import Allowance, Context, Handler, HandlerError, Json, PermanentFailure
from jobs.rules.codes import Failure
from tasks.celery_apps.messages import FINISHED, Outcome, failure
from tasks.celery_apps.messages import task as task_message
from tasks.celery_apps.params import CeleryTaskParams

if TYPE_CHECKING:
    from tasks.celery_apps.brokers import Broker

#: Before the attempt's own end, for revoking and for saying why.
MARGIN_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


class CeleryTask(Handler[CeleryTaskParams]):
    job_type = "celery_task"
    title = "Celery task"
    description = "Runs a task of a Celery app of your own, on its workers, and brings back its result."
    params = CeleryTaskParams
    inputs = frozenset({"args", "kwargs"})
    example: ClassVar[dict[str, Json]] = {
        "connection": "shop_broker",
        "task": "shop.tasks.import_orders",
        "kwargs": {"region": "eu"},
    }

    def refusals(self, params: CeleryTaskParams, tenant: Allowance) -> Mapping[str, Sequence[str]]:
        return params.refusals(tenant)

    def run(self, params: CeleryTaskParams, context: Context) -> Json:
        from tasks.celery_apps import brokers, results  # noqa: PLC0415 - AMQP, which other processes do without

        connection = _broker(params, context)
        seconds = _patience(params, context)
        with brokers.opened(params, connection, context) as broker:
            task = task_message(params, context.idempotency_key, seconds=seconds, reply_to=broker.reply_to)
            try:
                broker.send(task)
            except Exception:
                raise
            except BaseException:  # cancelled before it is confirmed: a worker may have it already
                _revoke(params, connection, context, task.id)
                raise
            context.log(f"{params.task} was sent to the queue {params.queue} as {task.id}")
            if not params.wait:
                return {"task_id": task.id, "state": "SENT"}
            started = time.monotonic()
            try:
                with results.opened(params, broker, connection, context) as look:
                    found = _awaited(params.task, lambda: look(task.id), context, started + seconds)
                    found = found or _late(params, broker, look(task.id))
            except BaseException:
                _revoke(params, connection, context, task.id)
                raise
        if found.traceback:
            context.log(found.traceback, level="error", stream="task")
        if found.state != "SUCCESS":
            raise failure(params.task, found)
        took = round(time.monotonic() - started, 3)
        return {"task_id": task.id, "state": found.state, "result": found.result, "seconds": took}


def _awaited(name: str, look: Callable[[], Outcome | None], context: Context, until: float) -> Outcome | None:
    """What became of it; None once there is no more time."""
    pause, said = FIRST_PAUSE, ""
    while True:
        found = look()
        if found is not None and found.state in FINISHED:
            return found
        if found is not None and found.state != said:
            said = found.state
            context.log(f"{name} is {said.lower()}")
        if time.monotonic() + pause > until:
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _late(params: CeleryTaskParams, broker: Broker, seen: Outcome | None) -> NoReturn:
    said = f"it was {seen.state.lower()}" if seen else broker.told()
    message = (
        f"no result of {params.task} in time: {said}. Do its workers run, and store results where they are looked for?"
    )
    raise HandlerError(message, code=Failure.TIMEOUT, tags={"timeout", "celery:no_result"})


def _revoke(params: CeleryTaskParams, connection: Connection | None, context: Context, task_id: str) -> None:
    """Nobody waits for it any more. What cannot be reached now is told by the message's own limits."""
    from tasks.celery_apps import brokers  # noqa: PLC0415 - as above

    try:
        brokers.revoke(params, connection, context, task_id)
    except Exception as error:  # noqa: BLE001 - why it ended is what counts
        context.log(f"{task_id} could not be revoked: {error}", level="warning")
    else:
        context.log(f"{task_id} was revoked", level="warning")


def _patience(params: CeleryTaskParams, context: Context) -> float:
    left = context.remaining() - MARGIN_SECONDS
    return max(min(left, params.wait_seconds or left), 0.1)


def _broker(params: CeleryTaskParams, context: Context) -> Connection | None:
    if params.connection is None:
        return None
    found = context.connection(params.connection)
    if isinstance(found, Redis | RabbitMq):
        return found
    message = f"payload.connection: {params.connection} is no connection to a Redis or RabbitMQ"
    raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
