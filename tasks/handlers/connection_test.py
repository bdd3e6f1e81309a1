"""The ``connection_test`` job type: reaches a connection's server and logs in, from where jobs run."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from pydantic import Field

from jobs import connections
from jobs.connections import Connection
from jobs.handlers import Context, Handler, HandlerError, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import connection_checks, foreign

MOST_CHARS = 2000


class ConnectionTestParams(Params):
    connection: connections.named() | None = Field(default=None)  # type: ignore[valid-type]
    must_pass: bool = Field(
        default=True, description="False: what is found is the result either way, and nothing fails."
    )


class ConnectionTest(Handler[ConnectionTestParams]):
    job_type = "connection_test"
    title = "Connection test"
    description = "Tries a connection out: reaches its server, and logs in where it knows how."
    params = ConnectionTestParams
    example: ClassVar[dict[str, Json]] = {"connection": "warehouse"}

    def run(self, params: ConnectionTestParams, context: Context) -> Json:
        if params.connection is None:
            raise PermanentFailure("payload.connection: name a connection", code=Failure.PAYLOAD_INVALID)
        connection = context.connection(params.connection)
        started = time.monotonic()
        found: dict[str, Any] = {"connection": params.connection, "kind": connection.kind}
        try:
            found |= {"ok": True, **connection_checks.run(connection, context)}
        except connection_checks.Problem as problem:
            found |= {"ok": False, "step": problem.step, "problem": _clean(str(problem), connection)}
        found["seconds"] = round(time.monotonic() - started, 3)
        if params.must_pass and not found["ok"]:
            raise HandlerError(found["problem"], tags={f"connection:{found['step']}"}, result=found)
        return found


def _clean(message: str, connection: Connection) -> str:
    """A server's words without what it was sent: some repeat it."""
    for secret in connections.sensitive(connection):
        message = message.replace(secret, "•••")
    return foreign.storable(message)[:MOST_CHARS]
