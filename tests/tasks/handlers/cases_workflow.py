from __future__ import annotations

from tests.support.conformance import Case
from tests.support.contexts import NEVER_ENDS
from tests.support.http_server import HttpServer

STEP = {"job": "extract"}


def case(server: HttpServer) -> Case:
    steps = {"extract": STEP, "load": {"job": "load", "upstreams": [{"step": "extract"}]}}
    return Case(
        success={
            "steps": {"extract": STEP | {"payload": {"result": "{{ parameters.day }}"}}},
            "parameters": {"day": 7},
        },
        accepts=lambda result: bool(result["steps"]["extract"] == {"state": "succeeded", "result": 7}),
        wrong={
            "steps": {"steps": steps | {"extract": STEP | {"upstreams": [{"step": "load"}]}}},
            "parameters": {"steps": steps, "parameters": 1},
        },
        slow={"steps": {"extract": {"job": NEVER_ENDS}}},
        under_way=lambda messages: "its children run" in messages,
        oversized={"steps": {f"step-{n}": STEP | {"payload": {"result": "x" * 2000}} for n in range(100)}},
    )
