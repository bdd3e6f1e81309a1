"""A Valkey that is none of Carillon's, for jobs that use one: started when the first test of a process asks."""

from __future__ import annotations

import atexit
import contextlib
import functools
from typing import Any

import redis

from scheduler_project.local import throwaway
from scheduler_project.local.valkey import Valkey


@functools.cache
def valkey() -> Valkey:
    """One for this process, until it ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(throwaway.valkey())


def fields(**others: Any) -> dict[str, Any]:
    """A connection to it, as a secret holds it."""
    server = valkey()
    found = {"host": "127.0.0.1", "port": server.port, "password": server.password, "tls": "off"}
    return {"kind": "redis", **found, **others}


def client(database: int = 0) -> redis.Redis:
    """A client that sees what jobs did; its database is empty at first."""
    server = valkey()
    made = redis.Redis(port=server.port, password=server.password, db=database)
    made.flushdb()
    return made
