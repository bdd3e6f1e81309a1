"""One statement's text and its values, which never meet in a text of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure


def bound(query: Any, params: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The statement in SQLAlchemy's terms, and the values it is sent with."""
    from sqlalchemy import bindparam, text  # noqa: PLC0415 - as in session

    if not isinstance(query, str):
        return query, dict(params)
    statement = text(query)
    named = set(statement.compile().params)
    if missing := sorted(named - set(params)):
        raise _invalid(
            f"the query has :{missing[0]} and there is no such parameter; a colon that begins none is written \\:"
        )
    lists: list[Any] = [bindparam(name, expanding=True) for name in named if isinstance(params[name], list)]
    values = {name: _value(params[name]) for name in named}
    return (statement.bindparams(*lists) if lists else statement), values


def _value(value: Any) -> Any:
    """Objects go as JSON; whatever else the libraries know."""
    return json.dumps(value) if isinstance(value, Mapping) else value


def _invalid(message: str) -> PermanentFailure:
    return PermanentFailure(message, code=Failure.PAYLOAD_INVALID)
