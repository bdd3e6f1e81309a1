from __future__ import annotations

from tests.support import databases
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    with databases.direct() as session:
        session.execute("CREATE TABLE IF NOT EXISTS by_day (day date PRIMARY KEY, visits bigint)")

    def of(query: str) -> dict[str, object]:
        return {"connection": "shop", "target": "by_day", "columns": ["day", "visits"], "mode": "upsert", "keys": ["day"], "query": query}  # fmt: skip

    return Case(
        success=of("SELECT :period_start::date, 3"),
        accepts=lambda result: result["rows"] == 1,
        wrong={"query": of("DELETE FROM by_day"), "timezone": {**of("SELECT 1"), "timezone": "Mars"}},
        slow=of("SELECT DATE '2026-01-01', 1 FROM pg_sleep(120) AS slow"),
        under_way=lambda messages: bool(messages) and any("slow" in each for each in databases.postgresql_activity()),
        on_servers=databases.postgresql_activity,
        oversized=of("SELECT DATE '2000-01-01' + g, g FROM generate_series(1, 20000) g"),
        allowed_hosts=databases.ALLOWED,
        connections={"shop": databases.postgresql()},
    )
