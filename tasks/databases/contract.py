"""What each kind of database must do for a session."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure

Isolation = Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable"]

#: Longest for one step of ending something on a server: three of them fit into what an interrupted attempt is given.
STOP_SECONDS = 1.5
#: Longest for a log-in.
CONNECT_SECONDS = 10.0
#: What one row may have. It is in memory as the server sent it, as the library keeps it and as Python's value.
MOST_ROW_BYTES = 32 * 1024 * 1024


class Driver(Protocol):
    """One log-in to one database. ``stop`` and ``cut`` may be called from any thread, at any time, and raise nothing."""

    #: SQLAlchemy's name of the dialect.
    dialect: str

    def connect(self) -> Any:
        """Log in: the connection as Python's database API has it, each statement a transaction of its own."""

    def begin(self, isolation: Isolation | None, read_only: bool) -> list[str]:
        """Statements that begin a transaction. Without ``read_only`` it may write."""

    def keeps_to(self, read_only: bool) -> bool:
        """Whether the transaction that was begun is still the one."""

    def received(self) -> int:
        """Bytes that came from the server so far."""

    def stop(self) -> None:
        """End what the server does for us, not relying on the session's goodwill."""

    def cut(self) -> None:
        """Wake up whoever waits for the server: there will be no answer."""

    def close(self) -> None:
        """Let go of everything, without a word to the server."""


def refused_log_in(why: str) -> PermanentFailure:
    """Of a log-in that may do more than ask its database."""
    return PermanentFailure(
        f"this log-in {why}: name one in the connection that reaches nothing but its own database",
        code=Failure.CONFIG_INVALID,
    )
