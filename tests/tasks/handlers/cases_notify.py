from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    server.hang("/slow")
    server.answer("/large", body=b"x" * 5_000_000)

    def saying(channel: str) -> dict[str, str]:
        return {"connection": channel, "message": "hello"}

    return Case(
        success=saying("team"),
        accepts=lambda result: bool(result == {"sent": True, "kind": "webhook", "status": 200}),
        wrong={
            "format": {**saying("team"), "format": "rtf"},
            "url": {"url": "json://127.0.0.1/", "message": "x"},
            "to": {**saying("team"), "to": ["a@b.example, c@d.example"]},
        },
        slow=saying("slow"),
        under_way=lambda _: any(request.path == "/slow" for request in server.requests),
        oversized={**saying("large"), "message": "x" * 60_000},
        allowed_hosts=["127.0.0.1"],
        connections={
            name: {"kind": "webhook", "webhook_url": server.url(path)}
            for name, path in (("team", "/"), ("slow", "/slow"), ("large", "/large"))
        },
    )
