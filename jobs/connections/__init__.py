"""Connection types: what a secret of each kind must hold. Pure; a type is one small class.

    connection = connections.check("postgresql", {"host": "db.example.com", "database": "shop", "user": "app"})
    connections.plain(connection)             # what is sealed: the fields, in clear
    connections.load(revealed)                # and back, from what tenants.services.secrets reveals

Fields are structured, never a DSN: a DSN may say ``host`` twice, name files of the worker, or switch off
what guards the connection. Secret fields are :class:`pydantic.SecretStr`, so that neither ``repr`` nor a
traceback shows them. A payload names a connection in a field of type :func:`named`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from jobs.connections import brokers, channels, databases, services, stores
from jobs.connections.contract import Connection, Named, Target, named

__all__ = ["Connection", "Named", "Target", "check", "kinds", "load", "named", "plain", "sensitive", "types"]

_TYPES: Mapping[str, type[Connection]] = {
    known.kind: known for module in (databases, brokers, stores, services, channels) for known in module.TYPES
}


def types() -> Mapping[str, type[Connection]]:
    """Every connection type by its kind."""
    return _TYPES


def kinds() -> tuple[str, ...]:
    """The names of all of them, sorted."""
    return tuple(sorted(_TYPES))


def check(kind: str, fields: Mapping[str, Any]) -> Connection:
    """The connection; pydantic's ValidationError says what is wrong with which field, and quotes no value."""
    return _TYPES[kind].model_validate(fields)


def load(revealed: Mapping[str, Any]) -> Connection:
    """The connection of a revealed secret, which says its ``kind``."""
    return check(revealed["kind"], {name: value for name, value in revealed.items() if name != "kind"})


def plain(connection: Connection) -> dict[str, Any]:
    """Its fields as JSON, in clear: to be sealed, and for nothing else."""
    return {name: _clear(value) for name, value in connection}


def sensitive(connection: Connection) -> list[str]:
    """The texts in it that must appear nowhere."""
    return [value.get_secret_value() for _, value in connection if isinstance(value, SecretStr)]


def _clear(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
