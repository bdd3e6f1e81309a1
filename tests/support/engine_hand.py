"""The engine's statements by hand, each in a transaction that the test ends when it likes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from jobs import sql
from tests.support import rows, servers
from tests.support.statements import NOTHING

WORKER = uuid4()


class Hand:
    """One connection of the engine's. What it does to an execution is seen by others when it commits."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(servers.URLS["engine"])

    def begin(self) -> Hand:
        """Take a transaction's number now, so that whoever writes later has a higher one."""
        self._connection.execute("SELECT pg_current_xact_id()")
        return self

    def commit(self) -> Hand:
        self._connection.commit()
        return self

    def close(self) -> None:
        self._connection.close()

    def claim(self, execution: UUID) -> Hand:
        return self._run(
            "claim", ids=[execution], attempts=[self._attempt(execution)], worker_id=WORKER, worker="w", pid=1,
            target="running", sources=["queued"],
        )  # fmt: skip

    def log(self, execution: UUID, epoch: int, first: int, count: int) -> Hand:
        return self._run("append_log", id=execution, epoch=epoch, first_seq=first, lines=_lines(first, count))

    def retry(self, execution: UUID, epoch: int, first: int = 0, count: int = 0) -> Hand:
        return self._leave(
            "put_back", execution, epoch, first, count, target="scheduled", attempt_state="failed",
            kind="execution.retried", step=1, delay=timedelta(seconds=1), at_most=None, error_code="TIMEOUT",
        )  # fmt: skip

    def succeed(self, execution: UUID, epoch: int, first: int = 0, count: int = 0) -> Hand:
        return self._leave("end_running", execution, epoch, first, count, target="succeeded", attempt_state="succeeded")

    def queue(self, execution: UUID) -> Hand:
        """As admission does."""
        self._connection.execute(
            "UPDATE execution SET state = 'queued', queued_at = clock_timestamp(), ripened_at = coalesce(ripened_at, clock_timestamp()) WHERE id = %s",
            [execution],
        )
        return self

    def _leave(self, name: str, execution: UUID, epoch: int, first: int, count: int, **more: Any) -> Hand:
        row = {
            "id": str(execution), "attempt_id": str(self._attempt_id(execution, epoch)), "epoch": epoch, "result": {"a": 1},
            "first_seq": first, "lines": _lines(first, count).obj, "waited": 0, "took": None,
        }  # fmt: skip
        return self._run(name, **{**NOTHING, "crashes": 0, "sources": ["running"], "rows": Jsonb([row]), **more})

    def _attempt(self, execution: UUID) -> int:
        found = self._connection.execute("SELECT attempt FROM execution WHERE id = %s", [execution]).fetchone()
        assert found is not None
        return int(found[0])

    def _attempt_id(self, execution: UUID, epoch: int) -> Any:
        (found,) = (
            self._connection.execute("SELECT carillon_child_id(%s, %s)", [execution, str(epoch)]).fetchone() or ()
        )
        return found

    def _run(self, name: str, **parameters: Any) -> Hand:
        cursor = self._connection.execute(sql.statements()[name], parameters)  # type: ignore[arg-type]
        assert cursor.rowcount == 1, f"{name} found nothing to do"
        return self


def _lines(first: int, count: int) -> Jsonb:
    return Jsonb([[rows.now().isoformat(), "info", "stdout", f"line {first + number}"] for number in range(count)])
