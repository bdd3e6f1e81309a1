from __future__ import annotations

from tests.support import databases, kafka_cluster
from tests.support.conformance import Case
from tests.support.http_server import HttpServer
from tests.tasks.handlers.queue_runs import kafka

ENDLESS = "SELECT n FROM generate_series(1, 1000000000) n"


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
        slow={**payload, "query": ENDLESS, "batch_size": 500},
        under_way=lambda messages: any("rows, " in message for message in messages),
        oversized={**payload, "query": "SELECT repeat('x', 1000000) FROM generate_series(1, 20)"},
        allowed_hosts=["127.0.0.1"],
        connections={"source": databases.postgresql(), "target": kafka(kafka_cluster.shared())},
    )
