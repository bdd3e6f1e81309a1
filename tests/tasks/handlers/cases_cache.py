from __future__ import annotations

import json

from tests.support import caches
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    server.hang("/slow")
    caches.client(5).set("large", "x" * 5_000_000)
    here = {"connection": "cache"}
    return Case(
        success={**here, "operation": "set", "entries": {"answer": 42}, "ttl_seconds": 60},
        accepts=lambda result: bool(result == {"set": 1, "kept": 0}),
        wrong={"operation": {**here, "operation": "flushall"}, "connection": {"connection": 7, "operation": "stats"}},
        slow={**here, "operation": "warm", "key": "a", "call": {"url": server.url("/slow")}},
        under_way=lambda _: any(request.path == "/slow" for request in server.requests),
        oversized={**here, "operation": "get", "keys": ["large"]},
        allowed_hosts=["127.0.0.1"],
        connections={"cache": json.loads(json.dumps(caches.fields(database=5)))},
    )
