"""Sends messages to channels, in a thread of the engine and a few beside it: none of what the engine does waits for it.

    execution ends ─► event ─► row of the outbox ─► sent, and noted ─► or tried again, and given up after some tries

Between sending and noting this process may die; then it is sent once more when its next try is due, with the same id in it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs import connections
from jobs.connections import Connection
from jobs.engine import channels
from jobs.handlers import HandlerError, PermanentFailure
from tasks import messages, revealing
from tasks.messages import Message

LOOK_EVERY = 2.0
AT_ONCE = 8
#: Of one message: well before it is due again.
SEND_SECONDS = 10.0
#: Written out: an engine's process has none of the apps that reverse() would need for it.
PAGE = "/admin/jobs/execution/{}/change/"

log = structlog.get_logger(__name__)


@dataclass
class Patience:
    """Who waits for one message to be taken."""

    until: float = field(default_factory=lambda: monotonic() + SEND_SECONDS)
    cancelled: bool = False

    def remaining(self) -> float:
        """Seconds."""
        return self.until - monotonic()


class Messenger(threading.Thread):
    """Makes and sends messages until stopped."""

    def __init__(self) -> None:
        super().__init__(name="carillon-messenger", daemon=True)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after what is being sent."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                while round_() and not self._stopping.is_set():
                    pass
            except Error as error:
                # The database is away or refused: the next round starts on a fresh connection.
                log.warning("messenger.round_failed", problem=str(error))
                connection.close()
            except Exception:
                # Whatever it is, messages that are never sent would be the worse answer.
                log.exception("messenger.round_failed")
                connection.close()
        connection.close()


def round_() -> int:
    """Make messages, then send some of them at once. Returns how many were tried; the database is asked by this thread only."""
    channels.make()
    taken = channels.take(AT_ONCE)
    if not taken:
        return 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row, outcome in [(row, _begun(pool, row)) for row in taken]:
            _note(row, outcome)
    return len(taken)


def _begun(pool: ThreadPoolExecutor, row: Any) -> tuple[Future[Any] | HandlerError, list[str]]:
    """Its sending, or why it cannot begin; and what must not be told of."""
    try:
        channel = revealing.connection(row.tenant_id, row.channel)
    except HandlerError as error:
        return error, []
    return pool.submit(_send, channel, row), connections.sensitive(channel)


def _send(channel: Connection, row: Any) -> None:
    messages.send(channel, message(row), Patience(), allowed_hosts=row.allowed_hosts)


def _note(row: Any, outcome: tuple[Future[Any] | HandlerError, list[str]]) -> None:
    found, secrets = outcome
    error = found.exception() if isinstance(found, Future) else found
    if error is None:
        channels.sent(row.id)
        return
    problem = str(error) if isinstance(error, HandlerError) else f"{type(error).__name__}: {error}"
    for secret in secrets:
        problem = problem.replace(secret, "•••")
    if not isinstance(error, HandlerError):
        log.error("channel.broken", execution=str(row.execution_id), channel=row.channel, problem=problem)
    if channels.not_sent(row.id, problem, final=isinstance(error, PermanentFailure)):
        log.warning("channel.given_up", execution=str(row.execution_id), channel=row.channel, problem=problem)


def message(row: Any) -> Message:
    """What is said of an execution that has ended."""
    link = settings.PUBLIC_URL.rstrip("/") + PAGE.format(row.execution_id)
    lines = [f"The job {row.job} of {row.tenant} has {row.ended}."]
    if row.ended == "failed" and row.error_code:
        lines.append(f"{row.error_code}: {row.error_message}"[:2000])
    if row.attempt:
        lines.append(f"Attempts: {row.attempt}")
    return Message(
        title=f"{row.job} {row.ended}",
        body="\n".join([*lines, link]),
        id=str(row.id),
        about={
            "tenant": row.tenant,
            "job": row.job,
            "execution": str(row.execution_id),
            "state": row.ended,
            "error_code": row.error_code,
            "url": link,
        },
    )
