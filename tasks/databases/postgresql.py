"""PostgreSQL: libpq is told everything, and leads to the address that was judged."""

from __future__ import annotations

import contextlib
import os
import socket
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Loader
from psycopg.generators import fetch
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

from jobs.connections.contract import VERIFY
from jobs.connections.databases import PostgreSql
from jobs.handlers import Context, Interrupted
from tasks import egress, sockets
from tasks.databases import environment, traffic
from tasks.databases.contract import CONNECT_SECONDS, STOP_SECONDS, Isolation, refused_log_in

#: Roles that lead out of the database; whoever is a member, or may become one, could use them.
_REACHING = """
SELECT rolname FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER') AND (rolsuper
 OR rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) LIMIT 1
"""
#: A server whose client's machine or process is gone looks for it each second while it works, and ends. Older ones have no such setting.
_LOOK_FOR_CLIENT = """
SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval'
"""
_WHO = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
_ISOLATIONS = {None: "", "read_uncommitted": "READ UNCOMMITTED", "read_committed": "READ COMMITTED",
               "repeatable_read": "REPEATABLE READ", "serializable": "SERIALIZABLE"}  # fmt: skip


class _OrText(Loader):
    """What Python's type has no room for - infinity, years before Christ - is the server's text."""

    usual: type[Loader]

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        self._usual = self.usual(oid, context)

    def load(self, data: Any) -> Any:
        try:
            return self._usual.load(data)
        except psycopg.DataError:
            return bytes(data).decode()


#: An interval of months has no length; it stays what the server calls it.
_LOADERS: dict[str, type[Loader]] = {"interval": TextLoader} | {
    kind: type(f"_{kind}_or_text", (_OrText,), {"usual": usual})
    for kind, usual in (("date", DateLoader), ("timestamp", TimestampLoader), ("timestamptz", TimestamptzLoader))
}


def options(connection: PostgreSql, *, address: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything said, so that nothing is read from the worker's environment or home."""
    secret = connection.password
    mode = {"verify": "verify-full", "insecure": "require", "off": "disable"}[connection.tls]
    path = folder / "authority.pem"
    if connection.ca and connection.tls == VERIFY:
        path.write_text(connection.ca)
    # A file that is not there is none to verify by; left out, libpq would look for one in the worker's home.
    authority = "system" if connection.tls == VERIFY and not connection.ca else str(path)
    return {
        "host": connection.host,
        "hostaddr": address,
        "port": connection.port,
        "dbname": connection.database,
        "user": connection.user,
        "password": secret.get_secret_value() if secret else "",
        "passfile": "/dev/null",
        "sslmode": mode,
        "sslrootcert": authority,
        "sslcrl": "/dev/null",
        "sslcertmode": "disable",
        "gssencmode": "disable",
        "target_session_attrs": "any",
        "load_balance_hosts": "disable",
        "client_encoding": "UTF8",
        "connect_timeout": max(int(seconds), 2),
        "keepalives_idle": 30,
        "application_name": "carillon",
    }


def log_in(guard: egress.Guard, said: dict[str, Any], **more: Any) -> _Session:
    """A session with the server at the judged address, and no other."""
    try:
        session = _Session.connect(**said, **more)
    except Interrupted as interruption:
        traceback.clear_frames(interruption.__traceback__)  # they hold half a connection, for as long as it is told
        raise
    try:
        with _socket_of(session) as ours:
            guard.confirm(said["hostaddr"], sockets.peer(ours))
    except BaseException:
        session.close()
        raise
    return session


def _socket_of(session: psycopg.Connection[Any]) -> socket.socket:
    """A second handle on it: closing this one closes nothing."""
    return socket.socket(fileno=os.dup(session.pgconn.socket))


class _Session(psycopg.Connection[Any]):
    """A connection that is measured."""

    meter: traffic.Meter

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        """psycopg's, whose first step is libpq's reading of all options; it then waits, with the environment as it was."""
        steps = super()._connect_gen(conninfo)
        try:
            with environment.bare():
                awaited = next(steps)
            while True:
                awaited = steps.send((yield awaited))
        except StopIteration as ended:
            return ended.value


class _Cursor(psycopg.Cursor[Any]):
    """One statement, whose rows are taken from the server as they are asked for.

    It always speaks the extended protocol, in which the server refuses a second statement in the text. psycopg offers
    rows one by one only for statements that return some, and cannot say beforehand which do; hence its inner steps.
    """

    _rest: tuple[int, int] = (0, 0)

    @property
    def _meter(self) -> traffic.Meter:
        assert isinstance(self._conn, _Session)
        return self._conn.meter

    def execute(self, query: Any, params: Any = None, **_: Any) -> _Cursor:
        """Send it, and take the first row if there is one."""
        self._meter.begin()
        with self._conn.lock:
            self._conn.wait(self._stream_send_gen(query, params or None, size=1))
            self._take(first=True)
        return self

    def _take(self, *, first: bool = False) -> None:
        """The next rows, or what is said after the last one."""
        self._rest = (0, 0)
        result = self._conn.wait(fetch(self._pgconn))
        if result is None:
            return
        if result.status == pq.ExecStatus.SINGLE_TUPLE:
            self.pgresult = result
            self._tx.set_pgresult(result, set_loaders=first)
            if first:
                self._make_row = self._make_row_maker()
            self._rest = (0, result.ntuples)
            return
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY):
            self._raise_for_result(result)
        affected = result.command_tuples
        self._rowcount = -1 if affected is None else affected
        if first:
            self.pgresult = result
        while self._conn.wait(fetch(self._pgconn)) is not None:
            pass

    def fetchone(self) -> Any:
        """The next row, or None."""
        row = self.fetchmany(1)
        return row[0] if row else None

    def fetchmany(self, size: int = 0) -> list[Any]:
        """As many rows, or all that there are; fewer if they are large."""
        rows: list[Any] = []
        self._meter.begin()
        with self._conn.lock:
            while len(rows) < (size or 1):
                at, end = self._rest
                if at == end:
                    break
                rows.append(self._tx.load_row(at, self._make_row))
                self._rest = (at + 1, end)
                is_enough = self._meter.row()
                if at + 1 == end:
                    self._take()
                if is_enough:
                    break
        return rows

    def fetchall(self) -> list[Any]:
        """All of them: for what is known to be small."""
        rows: list[Any] = []
        while more := self.fetchmany(1000):
            rows += more
        return rows

    def close(self) -> None:
        """Rows that nobody has taken are let go, or nothing else could be asked."""
        while not self._conn.closed and self._rest != (0, 0) and self.fetchmany(1000):
            pass
        super().close()


class PostgreSqlDriver:
    """A session of a PostgreSQL server."""

    dialect = "postgresql+psycopg"

    def __init__(self, connection: PostgreSql, context: Context) -> None:
        self._connection = connection
        self._context = context
        self._guard = egress.Guard(context.allowed_hosts)
        self._said: dict[str, Any] = {}
        self._session: _Session | None = None
        self._socket: socket.socket | None = None
        self._meter: traffic.Meter | None = None
        self._who: tuple[int, datetime] | None = None

    def connect(self) -> _Session:
        """Log in to one of the judged addresses."""
        (target,) = self._connection.targets()
        seconds = max(min(CONNECT_SECONDS, self._context.remaining()), 0.1)
        with sockets.connect(self._guard, target.host, target.port, seconds) as probe:
            address = sockets.peer(probe)
        self._said = options(self._connection, address=address, folder=self._context.folder(), seconds=seconds)
        session = log_in(self._guard, self._said, autocommit=True, prepare_threshold=None)
        self._session, self._socket = session, _socket_of(session)
        self._meter = session.meter = traffic.Meter(self._socket)
        for kind, loader in _LOADERS.items():
            session.adapters.register_loader(kind, loader)
        if reaching := session.execute(_REACHING).fetchone():
            session.close()
            raise refused_log_in(f"is, or may become, {reaching[0]}, which reaches its server's files and programs")
        session.execute(_LOOK_FOR_CLIENT)
        self._who = session.execute(_WHO).fetchone()
        session.cursor_factory = _Cursor
        return session

    def begin(self, isolation: Isolation | None, read_only: bool) -> list[str]:
        """After a first query nothing makes the transaction writable any more."""
        level = f" ISOLATION LEVEL {_ISOLATIONS[isolation]}" if isolation else ""
        return [f"BEGIN{level} READ ONLY", "SELECT 1"] if read_only else [f"BEGIN{level} READ WRITE"]

    def keeps_to(self, read_only: bool) -> bool:  # noqa: ARG002 - the server sees to it as long as the transaction lasts
        """Whether it is in a transaction."""
        return self._session is not None and self._session.info.transaction_status in (
            pq.TransactionStatus.INTRANS,
            pq.TransactionStatus.ACTIVE,
        )

    def pending(self) -> int:
        """By the kernel's count."""
        return self._meter.pending() if self._meter else 0

    def stop(self) -> None:
        """Have the server end the session: code in it may handle a cancel, and go on."""
        if self._session is None or self._session.closed:
            return
        try:
            self._terminate()
        except Exception:  # noqa: BLE001 - perhaps it takes no more connections; a cancel needs no log-in
            with contextlib.suppress(Exception):
                self._session.cancel_safe(timeout=STOP_SECONDS)

    def _terminate(self) -> None:
        said = {**self._said, "connect_timeout": 2}
        with log_in(self._guard, said, autocommit=True) as second:
            second.execute(_TERMINATE, self._who)

    def cut(self) -> None:
        """Shut the connection down, under libpq's hands."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of everything."""
        if self._session is not None:
            self._session.close()
        if self._socket is not None:
            self._socket.close()
