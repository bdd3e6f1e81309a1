"""From names in a payload to the tenant's secrets behind them, for the length of an attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pydantic

from jobs import connections
from jobs.connections import Connection
from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tenants.errors import Unavailable
from tenants.services import secrets
from tenants.services.secrets import Claimed


def values(tenant_id: UUID, names: Sequence[str]) -> dict[str, str | dict[str, Any]]:
    """The values in force, by name."""
    try:
        return secrets.reveal(tenant_id, names)
    except secrets.UnknownSecrets as error:
        raise PermanentFailure(str(error), code=Failure.CONFIG_INVALID) from None
    except Unavailable as error:
        raise HandlerError(str(error), code=Failure.CONFIG_INVALID) from None


def claimed(execution_id: UUID, epoch: int) -> Claimed:
    """What an executor's claim may be told, where the process may not read secrets; see :mod:`tenants.services.secrets`."""
    try:
        return secrets.reveal_claimed(execution_id, epoch)
    except Unavailable as error:
        raise HandlerError(str(error), code=Failure.CONFIG_INVALID) from None


def named(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of these names; a failure that says which there are not."""
    if missing := set(names) - values.keys():
        raise PermanentFailure(str(secrets.UnknownSecrets(missing)), code=Failure.CONFIG_INVALID)
    return {name: values[name] for name in names}


def connection(tenant_id: UUID, name: str) -> Connection:
    """The connection in force."""
    (revealed,) = values(tenant_id, [name]).values()
    if isinstance(revealed, str):
        raise PermanentFailure(f"the secret {name} is a text, and no connection", code=Failure.CONFIG_INVALID)
    return loaded(name, revealed)


def loaded(name: str, revealed: Mapping[str, Any]) -> Connection:
    """The connection of a revealed secret."""
    try:
        return connections.load(revealed)
    except (LookupError, pydantic.ValidationError):
        message = f"the secret {name} is no connection that can be used: change it"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID) from None
