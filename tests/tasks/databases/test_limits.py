"""Nothing in a session lifts its limits, and nothing of it is left on the server."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from jobs.handlers import Cancelled, HandlerError, Interrupted, TimedOut
from tasks import databases as product
from tests.support import databases, mariadb, servers
from tests.support.patience import slowness
from tests.support.processes import eventually
from tests.tasks.databases.conftest import Opening

#: What a slow statement says, so that it is found on the server.
SLOW = {
    "postgresql": "SELECT pg_sleep(60) AS slow",
    "mysql": "SELECT SLEEP(60) AS slow",
    "sqlite": "WITH RECURSIVE slow(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM slow) SELECT max(n) FROM slow",
}
#: It takes no notice of being cancelled.
STUBBORN = """
DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60) AS slow; EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$
"""


def running(kind: str) -> list[str]:
    """Slow statements on the server."""
    looks: dict[str, Callable[[], list[str]]] = {
        "postgresql": databases.postgresql_activity,
        "mysql": databases.mysql_activity,
        "sqlite": list,
    }
    return [query for query in looks[kind]() if "slow" in query.lower() or "sleep" in query.lower()]


def timed(run: Callable[[], Any]) -> tuple[BaseException, float]:
    """What it raises, and after how many seconds."""
    started = time.monotonic()
    with pytest.raises((HandlerError, Interrupted)) as raised:
        run()
    return raised.value, time.monotonic() - started


def asked(opening: Opening, fields: dict[str, Any], *statements: str, **options: Any) -> None:
    with opening(fields, **options) as (session, _):
        for statement in statements:
            session.execute(statement)


def test_a_statement_ends_with_its_time_whatever_the_session_says(fields, opening: Opening):
    lifting = {
        "postgresql": ["SET statement_timeout = 0"],
        "mysql": ["SET SESSION max_statement_time = 0"],
        "sqlite": [],
    }
    statements = [*lifting[fields["kind"]], SLOW[fields["kind"]]]
    error, seconds = timed(lambda: asked(opening, fields, *statements, timeout=1))
    assert (isinstance(error, HandlerError), getattr(error, "code", None)) == (True, "TIMEOUT")
    assert seconds < 5 * slowness()
    assert eventually(lambda: running(fields["kind"]) == [])


def test_the_attempts_own_time_counts_as_well(opening: Opening):
    error, seconds = timed(lambda: asked(opening, databases.postgresql(), SLOW["postgresql"], seconds=1))
    assert getattr(error, "code", None) == "TIMEOUT"
    assert seconds < 5 * slowness()


def test_code_that_handles_a_cancel_ends_too(opening: Opening):
    error, seconds = timed(lambda: asked(opening, databases.postgresql(), STUBBORN, timeout=0.5))
    assert getattr(error, "code", None) == "TIMEOUT"
    assert seconds < 5 * slowness()
    assert eventually(lambda: running("postgresql") == [])


def test_a_cancelled_attempt_ends_its_statement(fields, opening: Opening):
    def cancelled() -> None:
        with opening(fields) as (session, context):
            threading.Timer(0.5, context.stop.set).start()
            session.execute(SLOW[fields["kind"]])

    error, seconds = timed(cancelled)
    assert isinstance(error, Cancelled)
    assert seconds < 5 * slowness()
    assert eventually(lambda: running(fields["kind"]) == [])


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_interrupted_attempt_ends_its_statement(kind: str, opening: Opening):
    """As the runner interrupts: by an exception raised in the main thread wherever it is."""

    def interrupt(*_: object) -> None:
        raise TimedOut

    def wait() -> None:
        assert eventually(lambda: running(kind) != [])
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

    fields = getattr(databases, kind)()  # started before two threads ask for it
    before = signal.signal(signal.SIGUSR2, interrupt)
    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        error, seconds = timed(lambda: asked(opening, fields, SLOW[kind]))
    finally:
        waiting.join()
        signal.signal(signal.SIGUSR2, before)
    assert isinstance(error, TimedOut)
    assert seconds < 10 * slowness()
    assert eventually(lambda: running(kind) == [])


def test_a_server_that_takes_no_second_log_in_cancels(opening: Opening):
    """Without one nothing can be told to the server but by PostgreSQL's own cancel request."""
    fields = databases.postgresql()
    with servers.superuser() as superuser:
        superuser.execute(f"ALTER ROLE {fields['user']} CONNECTION LIMIT 1")
        try:
            error, seconds = timed(lambda: asked(opening, fields, SLOW["postgresql"], timeout=0.5))
            assert eventually(lambda: running("postgresql") == [])
        finally:
            superuser.execute(f"ALTER ROLE {fields['user']} CONNECTION LIMIT -1")
    assert getattr(error, "code", None) == "TIMEOUT"
    assert seconds < 5 * slowness()


def test_a_killed_process_leaves_nothing():
    """PostgreSQL looks for its client each second; MariaDB when it sends a row."""
    program = (
        "import json, sys; from tests.support import contexts; from tasks import databases\n"
        "fields, query = json.loads(sys.argv[1])\n"
        "context = contexts.RecordingContext(['127.0.0.1'], revealed={'it': fields})\n"
        "with databases.session(context, context.connection('it')) as session: session.execute(query)\n"
    )
    rows = "SELECT seq, SLEEP(0.05) AS slow, REPEAT('x', 10000) FROM seq_1_to_10000"
    queries = {"postgresql": SLOW["postgresql"], "mysql": rows}
    with contextlib.ExitStack() as stack:
        for kind, query in queries.items():
            order = json.dumps([getattr(databases, kind)(), query])
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", program, order]))
            stack.callback(process.kill)
        for kind in queries:
            assert eventually(lambda kind=kind: running(kind) != [], 60)
    for kind in queries:
        assert eventually(lambda kind=kind: running(kind) == [])


def test_one_row_is_not_too_large_for_memory(fields, opening: Opening):
    huge = {
        "postgresql": "SELECT repeat('x', 100000000)",
        "mysql": "SELECT repeat('x', 100000000)",
        "sqlite": "SELECT hex(zeroblob(100000000))",
    }
    if fields["kind"] == "mysql":
        mariadb.server().ask("SET GLOBAL max_allowed_packet = 1073741824")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error, _ = timed(lambda: asked(opening, fields, huge[fields["kind"]]))
    assert getattr(error, "code", None) == "RESOURCE_LIMIT"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 180 * 1024


def test_sorting_in_sqlite_ends_with_the_memory(files, opening: Opening):
    query = (
        "WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n LIMIT 100000000)"
        " SELECT count(*) FROM (SELECT DISTINCT hex(randomblob(4000)) FROM n)"
    )
    error, _ = timed(lambda: asked(opening, {"kind": "sqlite", "path": "shop.sqlite3"}, query))
    assert getattr(error, "code", None) == "RESOURCE_LIMIT"


@pytest.mark.parametrize("page", [4096, 65536])
def test_a_sqlite_file_grows_only_by_the_room_its_tenant_has(files, opening: Opening, page: int):
    with contextlib.closing(sqlite3.connect(files / "shop.sqlite3")) as made:
        made.executescript(f"PRAGMA page_size = {page}; CREATE TABLE x (a)")
    (files / "other").write_bytes(bytes(300_000))
    with opening({"kind": "sqlite", "path": "shop.sqlite3"}, room=1_500_000) as (session, _):
        session.execute("INSERT INTO x VALUES (zeroblob(900000))")
        error, _ = timed(lambda: session.execute("INSERT INTO x VALUES (zeroblob(900000))"))
    assert getattr(error, "code", None) == "RESOURCE_LIMIT"
    assert (files / "shop.sqlite3").stat().st_size < 1_200_000


def test_the_log_in_is_under_watch_too(opening: Opening):
    """A server that says nothing is left in time."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        for fields in (databases.postgresql(), databases.mysql()):
            there = {**fields, "port": silent.getsockname()[1]}
            error, seconds = timed(lambda there=there: asked(opening, there, seconds=1))
            assert isinstance(error, HandlerError)
            assert seconds < 6 * slowness()
    assert product.__all__
