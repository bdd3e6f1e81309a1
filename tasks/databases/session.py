"""One session with a tenant's database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import connections
from jobs.connections import Connection
from jobs.connections.databases import MySql, PostgreSql, Sqlite
from jobs.handlers import Cancelled, Context, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks.databases import problems, statements
from tasks.databases.contract import MOST_ROW_BYTES, Driver, Isolation
from tasks.databases.watch import Watch

Row = Sequence[Any]
#: Rows that are handed on together.
BATCH_ROWS = 500


@dataclass(frozen=True)
class Column:
    """One column of rows, as the server calls it; ``code`` is the database's own for its type."""

    name: str
    code: Any = None
    precision: int | None = None
    scale: int | None = None


class Session:
    """Statements, one after the other. Not for several threads."""

    def __init__(self, driver: Driver, watch: Watch, secrets: Sequence[str]) -> None:
        self._driver = driver
        self._watch = watch
        self._secrets = secrets
        self._connection: Any = None
        self._is_busy = False
        self._is_over = False
        #: Whether the transaction that was begun is a reading one; None outside of any.
        self._keeping: bool | None = None

    @property
    def dialect(self) -> Any:
        """SQLAlchemy's dialect, which knows how names are quoted."""
        return self._connection.dialect

    def stream(self, query: Any, params: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement; its rows come as they are asked for. Read them all, or close: until then nothing else runs.

        ``query`` is a text with ``:name`` for each of ``params``, or a statement of SQLAlchemy's. A list stands for a
        list in parentheses: ``id IN :ids``.
        """
        statement, values = statements.bound(query, params or {})
        return Rows(self, self._begun(lambda: self._connection.execute(statement, values)))

    def execute(self, query: Any, params: Mapping[str, Any] | None = None) -> int | None:
        """Run one statement to its end, and let its rows go: how many it touched or returned, if the server says so."""
        rows = self.stream(query, params)
        count = 0
        for batch in rows.batches():
            count += len(batch)
        return rows.affected if rows.affected is not None else count

    @contextlib.contextmanager
    def transaction(self, *, read_only: bool = False, isolation: Isolation | None = None) -> Iterator[None]:
        """All that runs in the block, or nothing of it. ``read_only``: the server refuses to write."""
        with self._as_ours():
            for statement in self._driver.begin(isolation, read_only):
                self._begun(lambda text=statement: self._connection.exec_driver_sql(text).close())
                self._is_busy = False
        self._keeping = read_only
        yield  # left by an error, the session ends with it, and what was not committed is undone
        if self._is_over and read_only:
            return  # its rows were closed: there was enough of them
        self.check_transaction()
        self._keeping = None
        with self._as_ours():
            self._begun(lambda: self._connection.exec_driver_sql("COMMIT").close())
            self._is_busy = False

    def check_transaction(self) -> None:
        """That no statement has ended what :meth:`transaction` began."""
        if self._keeping is not None and not self._driver.keeps_to(self._keeping):
            raise PermanentFailure(
                "a statement ended the transaction: leave that to the job", code=Failure.CONFIG_INVALID
            )

    def _as_ours(self) -> contextlib.AbstractContextManager[None]:
        ours = getattr(self._driver, "ours", contextlib.nullcontext)
        found: contextlib.AbstractContextManager[None] = ours()
        return found

    def _begun(self, run: Any) -> Any:
        if self._is_over:
            raise HandlerError("the session with the database is over")
        if self._is_busy:
            raise HandlerError("there are rows of the statement before that nobody has read")
        self.check_transaction()
        self._watch.row_taken()
        self._is_busy = True
        return self._translated(run)

    def _translated(self, run: Any) -> Any:
        """What it returns; what it raises in our words."""
        try:
            return run()
        except HandlerError:
            raise
        except Exception as error:  # noqa: BLE001 - three libraries' and SQLAlchemy's own
            self._is_over = True
            raise self._why(error) from None

    def _why(self, error: Exception) -> BaseException:
        match self._watch.reason:
            case "cancelled":
                return Cancelled()
            case "time":
                return HandlerError("the statement did not end in time and was ended", code=Failure.TIMEOUT)
            case "size":
                message = f"a row has more than {MOST_ROW_BYTES // 1024**2} MiB: ask for less of it"
                return HandlerError(message, code=Failure.RESOURCE_LIMIT)
        return problems.failed(error, self._secrets)

    def fetch(self, result: Any, size: int) -> list[Row]:
        """The next rows of a result."""
        rows: list[Row] = self._translated(lambda: result.fetchmany(size))
        self._watch.row_taken()
        return rows

    def done(self) -> None:
        """The statement has ended by itself."""
        self._is_busy = False

    def open(self) -> None:
        """Log in."""
        from sqlalchemy import create_engine  # noqa: PLC0415 - 60 ms and 20 MiB that other processes do without
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        more = {"use_native_hstore": False} if self._driver.dialect.startswith("postgresql") else {}
        engine = create_engine(
            f"{self._driver.dialect}://",
            creator=self._driver.connect,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",  # transactions begin and end where we say so
            skip_autocommit_rollback=True,
            **more,
        )
        try:
            with self._as_ours():
                self._connection = engine.connect()
        except HandlerError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            if self._watch.reason is not None:
                raise self._why(error) from None
            raise problems.unreachable(getattr(error, "orig", None) or error, self._secrets) from None

    def close(self) -> None:
        """Ends whatever still runs, on the server too."""
        self._is_over = True
        self._watch.end()
        if self._is_busy:
            self._driver.stop()
        self._driver.close()
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.invalidate()
                self._connection.close()


class Rows:
    """The rows of one statement; none, and no columns, of one that returns none."""

    def __init__(self, session: Session, result: Any) -> None:
        self._session = session
        self._result = result
        self.columns: Sequence[Column] = tuple(map(_column, result.cursor.description)) if result.returns_rows else ()
        self.affected: int | None = None
        if not self.columns:
            self._end()

    def __iter__(self) -> Iterator[Row]:
        for batch in self.batches():
            yield from batch

    def batches(self, size: int = BATCH_ROWS) -> Iterator[list[Row]]:
        """The same in lists of at most so many."""
        while self._result is not None and (rows := self._session.fetch(self._result, size)):
            yield rows
        self._end()

    def _end(self) -> None:
        result, self._result = self._result, None
        if result is None:
            return
        if not self.columns and result.rowcount >= 0:
            self.affected = result.rowcount
        self._session.done()
        result.close()
        self._session.check_transaction()

    def close(self) -> None:
        """Enough: the session ends here, and what it has not committed is undone."""
        if self._result is not None:
            self._session.close()


def _column(described: Any) -> Column:
    name, code, _, _, precision, scale, *_ = described
    return Column(str(name), code, precision, scale)


@contextlib.contextmanager
def session(context: Context, connection: Connection, *, timeout: float | None = None) -> Iterator[Session]:
    """Log in, for the length of the block. ``timeout``: seconds from now at which it ends at the latest."""
    driver = _driver(connection, context)
    watch = Watch(driver, context, timeout)
    found = Session(driver, watch, connections.sensitive(connection))
    try:
        watch.start()
        found.open()
        yield found
    finally:
        found.close()


def _driver(connection: Connection, context: Context) -> Driver:
    """The libraries are loaded by who needs them."""
    match connection:
        case PostgreSql():
            from tasks.databases.postgresql import PostgreSqlDriver  # noqa: PLC0415

            return PostgreSqlDriver(connection, context)
        case MySql():
            from tasks.databases.mysql import MySqlDriver  # noqa: PLC0415

            return MySqlDriver(connection, context)
        case Sqlite():
            from tasks.databases.sqlite import SqliteDriver  # noqa: PLC0415

            return SqliteDriver(connection, context)
    message = f"{connection.kind} is no SQL database: name a connection to PostgreSQL, MySQL or SQLite"
    raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
