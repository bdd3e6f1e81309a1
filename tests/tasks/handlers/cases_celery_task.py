from __future__ import annotations

import json

from tests.support import caches, celery_workers
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    celery_workers.on_redis()
    here = {"connection": "broker"}
    return Case(
        success={**here, "task": "shop.add", "args": [40, 2]},
        accepts=lambda result: bool(result["result"] == {"sum": 42}),
        wrong={"task": {**here, "task": "no name"}, "queue": {**here, "task": "shop.add", "queue": "a b"}},
        slow={**here, "task": "shop.slow", "args": ["/tmp", 120], "queue": "nobody"},
        under_way=lambda messages: any("was sent" in message for message in messages),
        oversized={**here, "task": "shop.add", "args": [40, 2], "kwargs": {"fill": "x" * 50_000}},
        allowed_hosts=["127.0.0.1"],
        connections={"broker": json.loads(json.dumps(caches.fields(database=3)))},
    )
