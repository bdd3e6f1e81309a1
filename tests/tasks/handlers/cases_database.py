from __future__ import annotations

from tests.support import databases
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    def asking(query: str) -> dict[str, object]:
        return {"connection": "shop", "query": query, "read_only": True}

    return Case(
        success={**asking("SELECT :what::int AS answer"), "params": {"what": 42}},
        accepts=lambda result: bool(result["rows"] == [{"answer": 42}]),
        wrong={
            "query": {"connection": "shop", "query": "COMMIT"},
            "isolation": {**asking("SELECT 1"), "isolation": "none"},
        },
        slow=asking("SELECT pg_sleep(120) AS slow"),
        under_way=lambda messages: bool(messages) and any("slow" in each for each in databases.postgresql_activity()),
        on_servers=databases.postgresql_activity,
        oversized=asking("SELECT repeat('x', 1000) AS text FROM generate_series(1, 50000)"),
        allowed_hosts=databases.ALLOWED,
        connections={"shop": databases.postgresql()},
    )
