"""The outbox of messages to channels, as the engine moves it on. Who sends is tasks/messenger.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from jobs import sql

#: Events read in one transaction, and rounds of that at once.
BATCH = 5_000
MOST_ROUNDS = 20
#: Nobody is told of what ended longer ago.
HORIZON = timedelta(days=1)
#: Seconds until the second try; each one after waits twice as long, up to an hour.
FIRST_PAUSE = 30.0
MOST_TRIES = 8
PROBLEM_CHARS = 1000


def make() -> int:
    """Messages of what has ended since. Returns how many events were read."""
    read = 0
    for _ in range(MOST_ROUNDS):
        told = sql.run("make_messages", limit=BATCH, horizon=HORIZON)[0].told
        read += told
        if told < BATCH:
            break
    return read


def take(limit: int) -> list[Any]:
    """Messages to be sent now, by nobody else."""
    return sql.run("take_messages", limit=limit, first=FIRST_PAUSE)


def sent(message: UUID) -> None:
    """The channel has taken it."""
    sql.run("message_sent", id=message)


def not_sent(message: UUID, problem: str, *, final: bool) -> bool:
    """It did not; returns whether it is given up."""
    rows = sql.run("message_not_sent", id=message, problem=problem[:PROBLEM_CHARS], final=final, most=MOST_TRIES)
    return any(row.state == "given_up" for row in rows)
