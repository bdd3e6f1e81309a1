from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    return Case(
        success={"callable": "tests.support.callables:answer", "kwargs": {"text": "hello"}},
        accepts=lambda result: bool(result == {"answer": 42}),
        wrong={
            "callable": {"callable": 7},
            "items": {"callable": "tests.echo", "items": "many"},
            "max_threads": {"callable": "tests.echo", "max_threads": 0},
            "on_error": {"callable": "tests.echo", "on_error": "panic"},
        },
        slow={"callable": "tests.wait", "args": [0]},
        under_way=lambda messages: "waiting" in messages,
        oversized={"callable": "tests.flood", "items": list(range(10)), "max_threads": 3},
    )
