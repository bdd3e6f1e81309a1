from __future__ import annotations

from tests.support import databases, kafka_cluster
from tests.support.conformance import Case
from tests.support.http_server import HttpServer
from tests.tasks.handlers.queue_runs import kafka

SLOWLY = "SELECT n, pg_sleep(1)::text FROM generate_series(1, 120) n"


def case(server: HttpServer) -> Case:
    payload = {"source": "source", "target": "target", "topic": "conformance", "query": "SELECT 42 AS answer"}
    return Case(
        success=payload,
        accepts=lambda result: bool(result["rows"] == 1),
        wrong={
            "topic": {**payload, "topic": "no topic"},
            "batch_size": {**payload, "batch_size": 0},
            "mode": {**payload, "mode": "sometimes"},
        },
        slow={**payload, "query": SLOWLY},
        under_way=lambda messages: any(message.startswith("asking") for message in messages),
        on_servers=databases.postgresql_activity,
        oversized={**payload, "query": "SELECT repeat('x', 1000000) FROM generate_series(1, 20)"},
        allowed_hosts=["127.0.0.1"],
        connections={"source": databases.postgresql(), "target": kafka(kafka_cluster.shared())},
    )
