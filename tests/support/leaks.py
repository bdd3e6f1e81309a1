"""Looks for a secret wherever a running stack may have left it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from jobs.rules.masked_forms import forms
from tests.support.stack import Stack


def found(secret: str, text: str) -> list[str]:
    """The forms of a secret that stand in a text, and its beginning, which a careless cut leaves."""
    return sorted(form for form in {*forms(secret), secret[:8]} if form in text)


def in_database(carillon: Stack, secret: str) -> dict[str, list[str]]:
    """By table: every column of every row, as text."""
    tables = carillon.query(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    places = {}
    for table in tables:
        text = "\n".join(row.line for row in carillon.query(f"SELECT t::text AS line FROM {table.name} t"))
        if forms_there := found(secret, text):
            places[table.name] = forms_there
    return places


def in_files(folder: Path, secret: str) -> dict[str, list[str]]:
    """By file, below a folder."""
    texts = {str(path): path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}
    return {path: forms_there for path, text in texts.items() if (forms_there := found(secret, text))}


@contextlib.contextmanager
def overheard(url: str) -> Iterator[list[str]]:
    """Every command that anybody sends to Redis during the block, and at its end all that is kept there."""
    heard: list[str] = []
    client = redis.Redis.from_url(url, decode_responses=True, encoding_errors="replace")
    with client.monitor() as monitor:

        def listen() -> None:
            # The end of the block closes its connection.
            with contextlib.suppress(redis.RedisError, OSError, ValueError, AttributeError):
                heard.extend(str(command["command"]) for command in monitor.listen())

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        heard.extend(kept(client))
    client.close()


def kept(client: Any) -> Iterator[str]:
    """All that Redis holds, a line for each key."""
    readers = {
        "string": client.get,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "hash": client.hgetall,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": client.xrange,
    }
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        yield f"{key} {readers[kind](key) if kind in readers else ''}"


def in_process_list(secret: str) -> list[str]:
    """The command lines of processes that name it."""
    named = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue  # ended meanwhile
        if found(secret, text):
            named.append(str(path))
    return named
