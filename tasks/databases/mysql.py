"""MySQL and MariaDB: PyMySQL over a connection to the address that was judged. No option file is read."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from jobs.connections.contract import OFF
from jobs.connections.databases import MySql
from jobs.handlers import Context
from tasks import egress, sockets
from tasks.databases import traffic
from tasks.databases.contract import CONNECT_SECONDS, STOP_SECONDS, Isolation, refused_log_in

#: Of this server's own roles or of the log-in itself: the right to read and write files of the server.
_REACHING = ("FILE", "SUPER", "ALL PRIVILEGES")
_IN_READ_ONLY = 0x2000  # SERVER_STATUS_IN_TRANS_READONLY
_ISOLATIONS = {"read_uncommitted": "READ UNCOMMITTED", "read_committed": "READ COMMITTED",
               "repeatable_read": "REPEATABLE READ", "serializable": "SERIALIZABLE"}  # fmt: skip


class _Given(pymysql.Connection):  # type: ignore[misc]
    """Over a connection that is there already; it is never made again."""

    def connect(self, sock: socket.socket | None = None) -> None:
        if sock is None:
            raise pymysql.err.OperationalError(2006, "the connection was closed")
        super().connect(sock)


class MySqlDriver:
    """A session of a MySQL or MariaDB server."""

    dialect = "mysql+pymysql"

    def __init__(self, connection: MySql, context: Context) -> None:
        self._connection = connection
        self._context = context
        self._guard = egress.Guard(context.allowed_hosts)
        self._address = ""
        self._session: _Given | None = None
        self._socket: socket.socket | None = None

    def connect(self) -> _Given:
        """Log in to one of the judged addresses."""
        (target,) = self._connection.targets()
        seconds = max(min(CONNECT_SECONDS, self._context.remaining()), 0.1)
        plain = sockets.connect(self._guard, target.host, target.port, seconds)
        self._address = sockets.peer(plain)
        self._session = self._logged_in(plain, seconds)
        # PyMySQL's own may be TLS's, which must not be touched from another thread: this is the one beneath.
        self._refuse_what_reaches(self._session)
        return self._session

    def _logged_in(self, plain: socket.socket, seconds: float) -> _Given:
        beneath = plain.dup()
        try:
            session = self._spoken(plain, seconds)
        except BaseException:
            beneath.close()
            plain.close()
            raise
        if self._socket is None:
            self._socket = beneath
        else:
            beneath.close()
        return session

    def _spoken(self, plain: socket.socket, seconds: float) -> _Given:
        connection, secret = self._connection, self._connection.password
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        session = _Given(
            host=connection.host.strip("[]"),
            port=connection.port,
            user=connection.user,
            password=secret.get_secret_value().encode() if secret else b"",  # PyMySQL would send text as Latin 1
            database=connection.database,
            charset="utf8mb4",
            ssl=None if connection.tls == OFF else sockets.tls(connection.tls, connection.ca),
            ssl_disabled=connection.tls == OFF,
            local_infile=False,
            autocommit=True,
            cursorclass=SSCursor,
            read_timeout=seconds,
            write_timeout=seconds,
            defer_connect=True,
            program_name="carillon",
        )
        session.connect(plain)
        session._read_timeout = session._write_timeout = None  # from here on the watch sees to it
        return session

    def _refuse_what_reaches(self, session: _Given) -> None:
        """By the log-in's grants and by those of roles that it may take on."""
        with contextlib.closing(session.cursor(pymysql.cursors.Cursor)) as cursor:
            granted = _grants(cursor, "SHOW GRANTS")
            for role in _roles(cursor):
                granted += _grants(cursor, f"SHOW GRANTS FOR {role}")
        for line in granted:
            rights, _, on = line.partition(" ON ")
            if on.startswith("*.*"):
                for right in rights.upper().removeprefix("GRANT ").split(", "):
                    if right in _REACHING:
                        session.close()
                        raise refused_log_in(f"has the right {right}, which reaches its server's files")

    def begin(self, isolation: Isolation | None, read_only: bool) -> list[str]:
        """Whether it may write is said with its beginning, and holds to its end."""
        level = [f"SET TRANSACTION ISOLATION LEVEL {_ISOLATIONS[isolation]}"] if isolation else []
        return [*level, f"START TRANSACTION READ {'ONLY' if read_only else 'WRITE'}"]

    def keeps_to(self, read_only: bool) -> bool:
        """By the server's word after each statement. One that may write is ended by any statement on a table's form."""
        return not read_only or self._session is None or bool(self._session.server_status & _IN_READ_ONLY)

    def received(self) -> int:
        """By the kernel's count."""
        return traffic.received(self._socket) if self._socket else 0

    def stop(self) -> None:
        """Have the server end the session, by a second one."""
        session = self._session
        if session is None or not session.open:
            return
        with contextlib.suppress(Exception):
            plain = socket.create_connection((self._address, self._connection.port), timeout=STOP_SECONDS)
            self._guard.confirm(self._address, sockets.peer(plain))
            with contextlib.closing(self._logged_in(plain, STOP_SECONDS)) as second:
                second.kill(session.thread_id())

    def cut(self) -> None:
        """Shut the connection down, under PyMySQL's hands."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of everything; unread rows are not read."""
        if self._session is not None:
            if self._session._result is not None:
                self._session._result.unbuffered_active = False
            self._session._result = None
            self._session._force_close()
        if self._socket is not None:
            self._socket.close()


def _grants(cursor: Any, statement: str) -> list[str]:
    cursor.execute(statement)
    return [str(row[0]) for row in cursor.fetchall()]


def _roles(cursor: Any) -> list[str]:
    """Those that the log-in may take on, as names in SQL."""
    with contextlib.suppress(pymysql.err.Error):  # MySQL before 8 has none
        cursor.execute("SELECT DISTINCT role_name FROM information_schema.applicable_roles")
        return ["`" + str(row[0]).replace("`", "``") + "`" for row in cursor.fetchall()]
    return []
