from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    return Case(
        success={"output_bytes": 10, "result": {"answer": 42}},
        accepts=lambda result: bool(result == {"answer": 42}),
        wrong={"duration_seconds": {"duration_seconds": "long"}, "fail_rate": {"fail_rate": 2}},
        slow={"duration_seconds": 120},
        under_way=lambda messages: "waiting 120 s" in messages,
        oversized={"output_bytes": 10 * 1024 * 1024},
    )
