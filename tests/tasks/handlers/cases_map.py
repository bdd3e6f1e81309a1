from __future__ import annotations

from tests.support.conformance import Case
from tests.support.contexts import NEVER_ENDS
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    each = {"job": "resize", "payload": {"result": ["{{ item }}", "{{ index }}"]}}
    return Case(
        success={**each, "over": ["a", "b"]},
        accepts=lambda result: bool(result["results"] == [["a", 0], ["b", 1]] and result["succeeded"] == 2),
        wrong={
            "over": {**each, "over": [0] * 1001},
            "cap": {**each, "over": [], "cap": 0},
            "allow_failures": {**each, "over": [], "allow_failures": "many"},
            "payload": {**each, "over": [], "payload": {"result": "{{ secrets.token }}"}},
            "job": {"over": [], "job": ""},
        },
        slow={"job": NEVER_ENDS, "over": [1]},
        under_way=lambda messages: "its children run" in messages,
        oversized={**each, "over": ["x" * 1000] * 200},
    )
