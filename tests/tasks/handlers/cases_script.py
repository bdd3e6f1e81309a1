from __future__ import annotations

from tests.support.conformance import Case
from tests.support.http_server import HttpServer

#: Tried in every sandbox a machine may have.
SANDBOXED = True

#: Ignores SIGTERM, and leaves a daemon behind: its own session, its parent gone, the output closed.
STUBBORN = """
trap '' TERM
setsid sh -c "sh -c 'trap \\"\\" TERM; exec >/dev/null 2>&1; i=0; while [ \\$i -lt 120 ]; do sleep 1; i=\\$((i+1)); done' &"
echo asleep
i=0; while [ $i -lt 120 ]; do sleep 1; i=$((i+1)); done
"""


def case(server: HttpServer) -> Case:
    return Case(
        success={"script": "cat; echo '::result {\"answer\": 42}'", "stdin": "hello\n"},
        accepts=lambda result: bool(result == {"answer": 42}),
        wrong={"script": {"script": ["true"]}, "interpreter": {"interpreter": "perl", "script": "1"}},
        slow={"script": STUBBORN},
        under_way=lambda messages: "asleep" in messages,
        oversized={
            "script": "head -c 30000000 /dev/zero | tr '\\0' x | fold -w 200; head -c 200000 /dev/zero | tr '\\0' y"
        },
    )
