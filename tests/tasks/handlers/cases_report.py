from __future__ import annotations

from tests.support import databases
from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    def asking(query: str, form: str = "csv") -> dict[str, object]:
        return {"source": {"connection": "shop", "query": query}, "format": form}

    return Case(
        success=asking("SELECT 42 AS answer", "xlsx"),
        accepts=lambda result: bool(result["rows"] == 1 and result["file"]["artifact"] == "report.xlsx"),
        wrong={
            "source": asking("DELETE FROM x"),
            "format": asking("SELECT 1", "docx"),
            "mail": {**asking("SELECT 1"), "mail": {"connection": "m", "to": []}},
        },
        slow=asking("SELECT pg_sleep(120) AS slow"),
        under_way=lambda messages: bool(messages) and any("slow" in each for each in databases.postgresql_activity()),
        on_servers=databases.postgresql_activity,
        oversized=asking("SELECT repeat('x', 1000) AS text FROM generate_series(1, 50000)"),
        allowed_hosts=databases.ALLOWED,
        connections={"shop": databases.postgresql()},
    )
