"""Callables that tests name in payloads; every test process loads them, see CARILLON_CALLABLES in tests.support.servers."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import time
from datetime import date
from typing import Any
from urllib.parse import quote

from jobs.callables import current, job_handler
from jobs.handlers import Cancelled, Context, HandlerError

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


@job_handler(name="tests.tell")
def tell(secret: str, way: str = "result") -> Any:
    """Says a secret in many ways."""
    for piece in ("says ", *secret, "\n"):
        sys.stdout.write(piece)
        sys.stdout.flush()
    encoded = base64.b64encode(b"u:" + secret.encode()).decode()
    sys.stdout.write(f"{secret!r} {json.dumps({'a': secret})} {quote(secret)} {encoded}\n")
    sys.stdout.write("x" * 8185 + secret + "\n")
    logging.getLogger("a.library").warning("logged %s", secret)
    current.progress(0.5, f"half of {secret}")
    if way == "raise":
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"wrong: {secret}") from error
    if way == "fail":
        raise HandlerError(f"failed with {secret}", result={"sent": [secret]})
    if way == "long":
        raise ValueError("y" * 276 + secret)
    if way == "exit":
        sys.exit(f"left with {secret}")
    return {"token": secret, secret: f"in {quote(secret, safe='')}", "n": 5}
