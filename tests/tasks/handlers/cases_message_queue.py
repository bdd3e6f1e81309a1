from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import redis

from tests.support import servers
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def redis_fields() -> dict[str, Any]:
    parts = urlsplit(servers.REDIS_URL)
    secret = unquote(parts.password or "")
    return {"kind": "redis", "host": parts.hostname, "port": parts.port, "tls": "off", "password": secret}


def consumers(stream: str) -> Any:
    """Those of its group; none before there is one."""
    with redis.Redis.from_url(servers.REDIS_URL) as client, suppress(redis.ResponseError):
        return client.xinfo_consumers(stream, "readers")
    return []


def case(server: HttpServer) -> Case:
    stream = {"connection": "broker", "queue": f"conformance-{uuid4().hex}"}
    reading = {**stream, "operation": "consume", "group": "readers"}
    return Case(
        success={**stream, "body": {"answer": 42}},
        accepts=lambda result: bool(result["published"] == 1 and result["last"]["id"]),
        wrong={
            "operation": {**stream, "operation": "shout"},
            "key": {**stream, "key": 7},
            "idle_seconds": {**reading, "idle_seconds": 0},
        },
        slow={**reading, "idle_seconds": 120},
        under_way=lambda messages: any(message.startswith("reading") for message in messages),
        on_servers=lambda: consumers(stream["queue"]),
        oversized={**stream, "operation": "publish_batch", "messages": [{"body": "x" * 1000}] * 9000},
        allowed_hosts=["127.0.0.1"],
        connections={"broker": redis_fields()},
    )
