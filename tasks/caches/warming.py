"""What a cache is warmed with: the answer of a call, or the rows of a query."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

from jobs.connections.databases import MySql, PostgreSql
from jobs.handlers import Context, HandlerError, Json, PermanentFailure
from jobs.rules import json_pointers
from jobs.rules.codes import Failure
from tasks import databases, foreign
from tasks.caches.params import CacheQuery
from tasks.databases import sinks
from tasks.databases.session import Rows
from tasks.databases.values import plain
from tasks.http import calling
from tasks.http.exchange import Exchange
from tasks.http.params import HttpParams

#: What is put into a cache.
MOST_BYTES = 8 * 1024 * 1024

#: The bytes, and what the result says of where they are from.
Found = tuple[bytes, Mapping[str, Json]]


def called(call: HttpParams, context: Context) -> Found:
    """The body of an answer that is a success."""
    most = min(call.most_bytes, MOST_BYTES)
    body = io.BytesIO()
    with Exchange(call.model_copy(update={"max_answer_bytes": most, "too_large": "fail"}), context) as exchange:
        answer = calling.call(exchange, lambda _: body)
    return body.getvalue(), {"status": answer["status"]}


def asked(query: CacheQuery, context: Context) -> Found:
    """The rows as a JSON list of objects, all of them or a failure."""
    connection = context.connection(query.connection)
    if not isinstance(connection, PostgreSql | MySql):
        message = f"query.connection: {query.connection} is no connection to PostgreSQL or MySQL"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
    with databases.session(context, connection) as session, session.transaction(read_only=True):
        context.log(f"asking {connection.kind} as {query.connection} says")
        return _listed(session.stream(query.query, query.params))


def encoded(value: Json) -> bytes:
    """As a cache holds it: a text as it is, anything else as JSON."""
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode()


def place(body: bytes, pointer: str | None) -> bytes:
    """What stands in the JSON there; all of it without a pointer."""
    if pointer is None:
        return body
    try:
        return encoded(json_pointers.value(foreign.parsed(body), pointer))
    except (ValueError, json_pointers.MissingPlace) as error:
        raise HandlerError(f"value: what was found has no {pointer}: {error}", tags={"extract"}) from None


def _listed(rows: Rows) -> Found:
    names = sinks.names_of(rows.columns)
    body, count = bytearray(b"["), 0
    for row in rows:
        told = json.dumps(dict(zip(names, map(plain, row), strict=True)), ensure_ascii=False)
        body += (b", " if count else b"") + told.encode(errors="replace")
        count += 1
        if len(body) >= MOST_BYTES:
            message = f"the rows have more than {MOST_BYTES // 1024**2} MiB: ask for fewer, or for less of them"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"too_large"})
    return bytes(body + b"]"), {"rows": count}
