from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    server.answer("/ok", headers={"Content-Type": "application/json"}, body=b'{"answer": 42}')
    server.answer("/large", headers={"Content-Type": "application/json"}, body=b'["%s"]' % (b"x" * 5_000_000))
    server.hang("/slow")
    return Case(
        success={"url": server.url("/ok")},
        accepts=lambda result: bool(result["body"] == {"answer": 42}),
        wrong={"url": {"url": 7}, "method": {"url": "http://x.test/", "method": "CALL"}},
        slow={"url": server.url("/slow")},
        under_way=lambda _: any(request.path == "/slow" for request in server.requests),
        oversized={"url": server.url("/large")},
        allowed_hosts=["127.0.0.1"],
    )
