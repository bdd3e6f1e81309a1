"""From a name in a payload to the tenant's connection behind it, for the length of an attempt."""

from __future__ import annotations

from uuid import UUID

from jobs import connections
from jobs.connections import Connection
from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tenants.services import data_keys, secrets


def connection(tenant_id: UUID, name: str) -> Connection:
    """The connection in force."""
    try:
        (revealed,) = secrets.reveal(tenant_id, [name]).values()
    except secrets.UnknownSecrets as error:
        raise PermanentFailure(str(error), code=Failure.CONFIG_INVALID) from None
    except (data_keys.NoInstallationKey, data_keys.Unreadable) as error:
        raise HandlerError(str(error), code=Failure.CONFIG_INVALID) from None
    if isinstance(revealed, str):
        raise PermanentFailure(f"the secret {name} is a text, and no connection", code=Failure.CONFIG_INVALID)
    return connections.load(revealed)
