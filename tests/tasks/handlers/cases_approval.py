from __future__ import annotations

from tests.support.conformance import Case
from tests.support.contexts import UNANSWERED
from tests.support.http_server import HttpServer


def case(server: HttpServer) -> Case:
    return Case(
        success={"question": "Deploy now?"},
        accepts=lambda result: bool(result["decision"] == "approved" and result["by"] == "user:ann@example.com"),
        wrong={
            "question": {"question": ""},
            "limit_seconds": {"question": "now?", "limit_seconds": 0},
            "default": {"question": "now?", "default": "wait"},
            "on_reject": {"question": "now?", "on_reject": "approve"},
            "who": {"question": "now?", "who": {"roles": ["viewer"]}},
            "not_by_requester": {"question": "now?", "not_by_requester": "perhaps"},
        },
        slow={"question": UNANSWERED},
        under_way=lambda messages: "nobody has decided" in messages,
        oversized={"question": "x" * 2000},
    )
