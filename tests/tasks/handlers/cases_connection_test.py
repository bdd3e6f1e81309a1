from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    server.hang("/hang")
    server.answer("/large", body=b"x" * 12_000_000)
    token = {"kind": "http_bearer", "token": "made-up-secret"}
    return Case(
        success={"connection": "quick"},
        accepts=lambda result: bool(result["ok"] and result["logged_in"]),
        wrong={"connection": {"connection": "not a name"}, "must_pass": {"must_pass": "perhaps"}},
        slow={"connection": "slow"},
        under_way=lambda messages: any(message.startswith("asking") for message in messages),
        oversized={"connection": "large"},
        allowed_hosts=["127.0.0.1"],
        connections={
            name: {**token, "base_url": server.url(path)}
            for name, path in (("quick", "/"), ("slow", "/hang"), ("large", "/large"))
        },
    )
