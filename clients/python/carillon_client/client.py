"""The client: everything of the API, by resource."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from carillon_client.executions import Executions
from carillon_client.jobs import Jobs
from carillon_client.resources import DeadLetters, Lookups, Operations, Queues, Secrets
from carillon_client.schedules import Schedules
from carillon_client.transport import Transport


class Client:
    """One key, and what it may do. Safe to share among threads; closing it closes its connections.

    ``tenant`` names the tenant for who works for several; ``timeout`` bounds one try in seconds, ``patience`` all tries
    of one call together. Other keywords go to :class:`carillon_client.transport.Transport`.
    """

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self._transport = Transport(url, key, **options)
        self.jobs = Jobs(self._transport)
        self.schedules = Schedules(self._transport)
        self.executions = Executions(self._transport)
        self.dead_letters = DeadLetters(self._transport)
        self.queues = Queues(self._transport)
        self.secrets = Secrets(self._transport)
        self.operations = Operations(self._transport)
        self.lookups = Lookups(self._transport)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
