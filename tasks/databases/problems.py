"""What goes wrong with a database, as the failure of an attempt. Messages are the server's words, never the query's values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import psycopg
import pymysql

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import foreign

MOST_CHARS = 2000
HIDDEN = "•••"
_TOO_MUCH = {"sqlite:SQLITE_TOOBIG", "sqlite:SQLITE_FULL", "sqlite:SQLITE_NOMEM"}


def unreachable(error: Exception, secrets: Sequence[str]) -> HandlerError:
    """Of a log-in that did not come about."""
    return HandlerError(f"no session with the database: {_said(error, secrets)}", tags={"connection", *_tags(error)})


def failed(error: Exception, secrets: Sequence[str]) -> HandlerError:
    """Of a statement. Tags hold the server's own code: ``sqlstate:40001``, ``mysql:1213``, ``sqlite:SQLITE_BUSY``."""
    error = getattr(error, "orig", None) or error  # SQLAlchemy's hold the statement and its values
    if isinstance(error, MemoryError) or _tags(error) & _TOO_MUCH:
        message = f"the statement needs more than it may have: {_said(error, secrets)}"
        return HandlerError(message, code=Failure.RESOURCE_LIMIT, tags=_tags(error))
    if isinstance(error, RuntimeError) and "LOAD_LOCAL" in str(error):
        message = "the server asked for a file of the worker's: it got none"
        return PermanentFailure(message, code=Failure.UNSAFE_TARGET)
    return HandlerError(f"the database refuses: {_said(error, secrets)}", tags=_tags(error))


def _said(error: Exception, secrets: Sequence[str]) -> str:
    message = str(error)
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        parts = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
        message = ". ".join(part for part in parts if part)
    elif isinstance(error, pymysql.err.MySQLError) and len(error.args) > 1:
        message = str(error.args[1])
    for secret in secrets:
        message = message.replace(secret, HIDDEN)
    return foreign.storable(message)[:MOST_CHARS] or type(error).__name__


def _tags(error: Any) -> set[str]:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return {f"sqlstate:{error.sqlstate}"}
    if isinstance(error, pymysql.err.MySQLError) and error.args:
        return {f"mysql:{error.args[0]}"}
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", None):
        return {f"sqlite:{error.sqlite_errorname}"}
    return set()
