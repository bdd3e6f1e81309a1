"""The ``cache`` job type: what is in a Redis, read, written, warmed, or deleted in a way its other users bear."""

from __future__ import annotations

from typing import ClassVar

from jobs.connections.brokers import Redis
from jobs.handlers import Context, Handler, Json, PermanentFailure
from jobs.rules.codes import Failure
from tasks.caches.operations import OPERATIONS
from tasks.caches.params import CacheParams
from tasks.redis_session import Session


class Cache(Handler[CacheParams]):
    job_type = "cache"
    title = "Cache"
    description = "Reads, writes, warms, expires and deletes keys of a Redis or Valkey."
    params = CacheParams
    threaded = True
    inputs = frozenset({"keys", "entries"})
    without_expressions: ClassVar[dict[str, str]] = {
        "query.query": "write :name in the SQL, and the expression as the value of that name in params"
    }
    example: ClassVar[dict[str, Json]] = {
        "connection": "cache",
        "operation": "delete_pattern",
        "prefix": "shop:",
        "pattern": "product:*",
    }

    def run(self, params: CacheParams, context: Context) -> Json:
        connection = context.connection(params.connection)
        if not isinstance(connection, Redis):
            message = f"payload.connection: {params.connection} is no connection to a Redis"
            raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
        with Session(connection, context) as session:
            context.log(
                f"{params.operation} at {connection.host} port {connection.port}, database {connection.database}"
            )
            return OPERATIONS[params.operation](session, params, context)
