"""A queue of a test's own in the real broker, and what has been published there."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from jobs.engine import dispatch
from scheduler_project import celery  # noqa: F401 - the app that publishes
from tests.support import rows, servers

client = redis.Redis.from_url(servers.REDIS_URL)


@dataclass(frozen=True)
class Message:
    """A published message: its Celery task, its members, its time limit and for how long it is worth taking."""

    task: str
    members: list[tuple[UUID, int]]
    time_limit: float | None
    expires: str | None


@dataclass(frozen=True)
class BrokerQueue:
    """A Carillon queue and its lists in the broker. Messages come in the order in which workers take them."""

    name: str

    def messages(self) -> list[Message]:
        """Everything published and not taken."""
        lists = [reversed(client.lrange(name, 0, -1)) for name in dispatch.broker_lists(self.name)]
        return [_read(text) for texts in lists for text in texts]

    def ids(self) -> list[UUID]:
        """The executions published, one for each message."""
        return [message.members[0][0] for message in self.messages()]

    def take(self, count: int | None = None) -> list[UUID]:
        """Take the next ``count`` messages, or all."""
        left, taken = 1_000_000 if count is None else count, []
        for name in dispatch.broker_lists(self.name):
            taken += (client.rpop(name, left - len(taken)) or []) if left > len(taken) else []
        return [_read(text).members[0][0] for text in taken]


def _read(text: bytes) -> Message:
    envelope: dict[str, Any] = json.loads(text)
    arguments, _, _ = json.loads(base64.b64decode(envelope["body"]))
    headers = envelope["headers"]
    return Message(headers["task"], dispatch.member_ids(arguments[0]), headers["timelimit"][0], headers["expires"])


def queue(**columns: Any) -> BrokerQueue:
    """A new queue, whose executions travel one by one unless it is told otherwise. Nobody else's test publishes there."""
    name = f"q-{secrets.token_hex(4)}"
    rows.insert(
        "queue",
        **({"name": name, "paused_at": None, "max_running": None, "batch_size": 1, "created_at": rows.now()} | columns),
    )
    return BrokerQueue(name)
