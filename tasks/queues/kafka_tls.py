"""How librdkafka verifies the brokers of a connection, in its own words."""

from __future__ import annotations

import ssl
from typing import Any

from jobs.connections.brokers import Kafka
from jobs.connections.contract import OFF, VERIFY
from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks import sockets


def settings(connection: Kafka) -> dict[str, Any]:
    """Nothing where all is in clear."""
    if connection.tls == OFF:
        return {}
    is_verified = connection.tls == VERIFY
    return {
        "enable.ssl.certificate.verification": is_verified,
        "ssl.endpoint.identification.algorithm": "https" if is_verified else "none",
        **({"ssl.ca.pem": _checked(connection.ca)} if connection.ca else {}),
    }


def _checked(ca: str) -> str:
    """Of what is none librdkafka would only say that there can be no client."""
    try:
        sockets.tls(VERIFY, ca)
    except ssl.SSLError as error:
        message = f"the connection's ca is no certificate: {error}"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID, tags={"connection"}) from None
    return ca
