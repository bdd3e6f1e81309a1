"""What a test asks of executions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.stack import Stack, wait_for


def state(carillon: Stack, execution: str) -> str:
    """As the API says it."""
    name: str = carillon.api.get(f"executions/{execution}")["state"]
    return name


def wait_ended(carillon: Stack, execution: str, seconds: float) -> dict[str, Any]:
    """The execution, once it has ended."""

    def ended() -> Any:
        run = carillon.api.get(f"executions/{execution}")
        return run["finished_at"] and run

    run: dict[str, Any] = wait_for(ended, seconds, "the execution has ended")
    return run


def wait_running(carillon: Stack, execution: str) -> None:
    """Until a handler has said something: it is under way."""
    wait_for(lambda: carillon.api.get(f"executions/{execution}/logs")["data"], 90, "the handler has logged a line")


def states(carillon: Stack, executions: Sequence[str]) -> Counter[str]:
    """How many are in each state."""
    rows = carillon.query("SELECT state FROM execution WHERE id = ANY(%s::uuid[])", list(executions))
    return Counter(row.state for row in rows)


def attempts(carillon: Stack, executions: Sequence[str]) -> Counter[tuple[int, str]]:
    """How many attempts of each number and state they had."""
    rows = carillon.query("SELECT number, state FROM attempt WHERE execution_id = ANY(%s::uuid[])", list(executions))
    return Counter((row.number, row.state) for row in rows)
