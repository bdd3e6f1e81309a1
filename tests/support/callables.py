"""Callables that tests name in payloads; every test process loads them, see CARILLON_CALLABLES in tests.support.servers."""

from __future__ import annotations

import os
import time
from datetime import date
from typing import Any

from jobs.callables import current, job_handler
from jobs.handlers import Cancelled, Context

NAME = "tests.support.callables"


@job_handler
def answer(context: Context, text: str = "") -> dict[str, int]:
    """Answers.

    And says so.
    """
    context.log(text or "answering")
    return {"answer": 42}


@job_handler
def orders(region: str, since: date | None = None, *rest: int, limit: int = 10) -> Any:
    """Takes a bit of everything."""
    return [region, since, rest, limit]


@job_handler(name="tests.wait")
def wait(item: Any, context: Context) -> None:
    """Goes on for two minutes unless it is interrupted, or sees that it is to stop."""
    context.log("waiting")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if context.cancelled:
            raise Cancelled
        time.sleep(0.02)


@job_handler(name="tests.flood")
def flood(item: int, context: Context) -> str:
    """Logs a megabyte and returns a lot."""
    for _ in range(1024):
        context.log("x" * 1024)
    return "y" * 10_000


@job_handler(name="tests.echo")
def echo(item: Any = None) -> Any:
    """Returns what it is given."""
    current.log(f"given {item}")
    return item


@job_handler(name="tests.vanish")
def vanish() -> None:
    """Takes its process with it."""
    os._exit(7)
