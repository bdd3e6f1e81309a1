"""Where results of an app's tasks are looked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.connections import Connection
from jobs.connections.brokers import RabbitMq, Redis
from jobs.handlers import Context, HandlerError
from tasks import databases
from tasks.celery_apps import brokers, messages
from tasks.celery_apps.messages import Outcome
from tasks.celery_apps.params import CeleryTaskParams
from tasks.redis_session import Session

#: What is known of a task by its id; None as long as nothing is.
Look = Callable[[str], Outcome | None]
KEY = "celery-task-meta-"
_ROW = "SELECT status, content_type, result, traceback FROM django_celery_results_taskresult WHERE task_id = :id"


@contextmanager
def opened(
    params: CeleryTaskParams, broker: brokers.Broker, connection: Connection | None, context: Context
) -> Iterator[Look]:
    """The place that the payload names: ``connection`` is the broker's, where it names none."""
    named = context.connection(params.result_connection) if params.result_connection else connection
    if isinstance(named, RabbitMq):
        yield lambda _: broker.reply()
    elif named is None or isinstance(named, Redis):
        with Session(named or brokers.own(), context, ours=named is None) as redis:
            yield lambda task_id: _of_redis(redis, params.result_key_prefix + KEY + task_id)
    else:
        with databases.session(context, named) as session:
            yield lambda task_id: _of_table(session, task_id)


def _of_redis(session: Session, key: str) -> Outcome | None:
    data = session.command("GET", key)
    return None if data is None else messages.outcome(data)


def _of_table(session: databases.Session, task_id: str) -> Outcome | None:
    for status, content_type, result, traceback in session.stream(_ROW, {"id": task_id}):
        if content_type != "application/json" and result is not None:
            message = f"the task's result is {content_type}: set result_serializer of its app to json"
            raise HandlerError(message, tags={"result"})
        return Outcome(str(status), None if result is None else _value(result), str(traceback or ""))
    return None


def _value(stored: str) -> object:
    try:
        return json.loads(stored)
    except ValueError:
        return stored
