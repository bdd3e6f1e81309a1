from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    return Case(
        success={"capabilities": ["gpu"], "payload": {"n": 1}},
        wrong={
            "capabilities": {"capabilities": ["Not One"]},
            "executor": {"executor": 7},
        },
    )
