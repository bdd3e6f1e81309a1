"""What answers with far more than anybody keeps: little memory, and a mark that it was cut or a clear failure.

    CARILLON_TEST_SIZES=full python -m pytest -s tests/tasks/handlers/test_sizes.py

tries a 5 GB answer, 200 MB of output and 10,000,000 rows, and prints what it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, BinaryIO

from tests.support import databases, http_server

FULL = os.environ.get("CARILLON_TEST_SIZES") == "full"
ANSWER = 5 * 10**9 if FULL else 100 * 10**6
OUTPUT = 200 * 10**6 if FULL else 20 * 10**6
ROWS = 10_000_000 if FULL else 100_000
#: With all libraries; what is read here would fill it several times.
MOST_KIB = 240 * 1024
CHUNK = b"x" * 2**20


def endless(answer: BinaryIO, _: Any) -> None:
    answer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % ANSWER)
    try:
        for _ in range(ANSWER // len(CHUNK)):
            answer.write(CHUNK)
        answer.write(CHUNK[: ANSWER % len(CHUNK)])
    except OSError:
        pass  # whoever reads has had enough


def ran(job_type: str, payload: dict[str, Any], connections: dict[str, Any] | None = None) -> tuple[str, list[str]]:
    """What the handler's process said last before its memory, and all it said."""
    order = {
        "type": job_type, "payload": payload, "allowed_hosts": databases.ALLOWED, "level": "process group",
        "connections": connections or {},
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.handler_process", json.dumps(order)],
        capture_output=True, text=True, timeout=900, check=True,
    )  # fmt: skip
    *said, end, memory = done.stdout.splitlines()
    peak = int(memory.split()[1])
    sys.stdout.write(f"\n{job_type}: {memory}; {end[:300]}\n")
    assert peak < MOST_KIB
    return end, said


def test_answer_is_read_as_far_as_it_is_kept():
    with http_server.serving() as server:
        server.answer("/much", raw=endless)
        end, _ = ran("http", {"url": server.url("/much")})
    assert json.loads(end)["truncated"]


def test_answer_that_is_saved_is_written_as_it_comes_up_to_what_an_artifact_may_have():
    with http_server.serving() as server:
        server.answer("/much", raw=endless)
        end, _ = ran("http", {"url": server.url("/much"), "save_as": "much.txt"})
    assert end.startswith("RESOURCE_LIMIT: the artifact much.txt has more than")


def test_output_is_logged_up_to_a_limit_and_read_to_its_end():
    end, said = ran(
        "script", {"script": f"yes a line of output | head -c {OUTPUT}; echo; echo '::result {{\"read\": true}}'"}
    )
    assert json.loads(end) == {"read": True}
    assert sum(map(len, said)) < OUTPUT / 2
    assert any("not logged" in line or "dropped" in line for line in said), said[-3:]


def rows_of(count: int, **payload: Any) -> str:
    query = f"SELECT n, md5(n::text) AS text FROM generate_series(1, {count}) n"
    payload |= {"connection": "shop", "query": query, "read_only": True}
    return ran("database", payload, {"shop": databases.postgresql()})[0]


def test_rows_are_read_as_far_as_they_are_kept():
    result = json.loads(rows_of(ROWS))
    assert (result["row_count"], result["truncated"]) == (1000, True)


def test_rows_become_a_file_up_to_what_an_artifact_may_have():
    end = rows_of(ROWS, output="csv", name="rows")
    if FULL:
        assert end.startswith("RESOURCE_LIMIT: the artifact rows.csv has more than")
    else:
        assert json.loads(end)["row_count"] == ROWS
