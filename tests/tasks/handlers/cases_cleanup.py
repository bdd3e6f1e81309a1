from __future__ import annotations

from tests.support import databases
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    with databases.direct() as session:
        session.execute("CREATE TABLE IF NOT EXISTS visit (seen timestamptz)")
        session.execute("INSERT INTO visit SELECT '2020-01-01' FROM generate_series(1, 3000)")

    def of(table: str, **fields: object) -> dict[str, object]:
        return {
            "connection": "shop",
            "table": table,
            "column": "seen",
            "older_than_days": 30,
            "pause_seconds": 0,
            **fields,
        }

    return Case(
        success=of("visit"),
        accepts=lambda result: bool(result["deleted"] >= 3000 and result["done"]),
        wrong={"table": of("visit; DROP TABLE x"), "column": {**of("visit"), "column": 'a" < 1'}},
        slow=of("visit", batch_rows=1, pause_seconds=60),
        under_way=bool,
        on_servers=databases.postgresql_activity,
        oversized=of("visit", batch_rows=100),
        allowed_hosts=databases.ALLOWED,
        connections={"shop": databases.postgresql()},
    )
