"""SQLite: a file below the tenant's own folder, and nothing else of the machine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.connections.databases import Sqlite
from jobs.handlers import Context, PermanentFailure
from jobs.rules.codes import Failure
from tasks import files
from tasks.databases import journals
from tasks.databases.contract import MOST_ROW_BYTES, Isolation
from tasks.databases.traffic import BATCH_BYTES
from tasks.files.contract import FileProblem

#: What a statement may say with PRAGMA: it tells, and changes nothing that outlives the transaction.
_TELLING = {
    "application_id", "collation_list", "compile_options", "count_changes", "data_version", "encoding", "foreign_key_check",
    "foreign_key_list", "freelist_count", "function_list", "index_info", "index_list", "index_xinfo", "integrity_check",
    "page_count", "page_size", "quick_check", "schema_version", "table_info", "table_list", "table_xinfo", "user_version",
}  # fmt: skip
#: These tell only without an argument.
_SETTING = {"application_id", "count_changes", "encoding", "page_size", "schema_version", "user_version"}
#: They load code, or take so long on one value that nothing can interrupt them.
_CLOSED_FUNCTIONS = {"load_extension", "fts3_tokenizer", "regexp"}
#: Other files, VACUUM's copy among them, and what the session itself does.
_CLOSED_ACTIONS = {
    sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT,
}  # fmt: skip
_MOST_FILE_BYTES = 4 * 1024**3
_MOST_MEMORY_BYTES = 64 * 1024 * 1024


class _Cursor(sqlite3.Cursor):
    """Hands on fewer rows than are asked for if they are large."""

    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows: list[Any] = []
        room = BATCH_BYTES
        while len(rows) < (size or 1) and room > 0 and (row := self.fetchone()) is not None:
            rows.append(row)
            room -= sum(len(value) for value in row if isinstance(value, str | bytes))
        return rows


class _Session(sqlite3.Connection):
    """Closed, it has let go of its locks: SQLite itself would wait for the last cursor, which a traceback may hold."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    def cursor(self, factory: type[sqlite3.Cursor] = _Cursor) -> sqlite3.Cursor:  # type: ignore[override]
        cursor = super().cursor(factory)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        for cursor in list(self._cursors):
            with contextlib.suppress(sqlite3.Error):
                cursor.close()
        super().close()


class SqliteDriver:
    """One file, opened for one session."""

    dialect = "sqlite+pysqlite"

    def __init__(self, connection: Sqlite, context: Context) -> None:
        self._path = connection.path
        self._context = context
        self._session: sqlite3.Connection | None = None
        self._ours = False

    def connect(self) -> sqlite3.Connection:
        """Open the file, and see that it is the one that was meant."""
        with _pinned(self._context.tenant, self._path) as file:
            session = sqlite3.connect(
                f"file:{file}?mode=rw&vfs={journals.filesystem()}", uri=True, isolation_level=None, timeout=10,
                check_same_thread=False, cached_statements=0, factory=_Session,
            )  # fmt: skip
            try:
                self._fence_in(session, file)
                _confirm(file)
            except BaseException:
                session.close()
                raise
        self._session = session
        return session

    def _fence_in(self, session: sqlite3.Connection, file: str) -> None:
        session.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_ROW_BYTES)
        session.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200)
        session.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        for setting in (
            "temp_store = MEMORY",  # a sort of everything ends with the memory, not with the machine's disk
            f"hard_heap_limit = {_MOST_MEMORY_BYTES}",
            "trusted_schema = OFF",
            "foreign_keys = ON",
            "schema_version",
        ):
            session.execute(f"PRAGMA {setting}").fetchall()
        page = session.execute("PRAGMA page_size").fetchone()[0]  # the file's own, now that it was read
        pages = max(self._most_bytes(os.stat(file).st_size) // page, 1)
        session.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        session.set_authorizer(self._judge)

    def _most_bytes(self, has: int) -> int:
        """What the file may have: what it has, with the room that the tenant's files have left."""
        limit = self._context.max_file_bytes
        if limit is None:
            return _MOST_FILE_BYTES
        with files.root_of(self._context.tenant) as root:
            return min(_MOST_FILE_BYTES, has + max(limit - root.used(), 0))

    def _judge(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """What a statement may do. SQLite asks while it reads it, before anything is done."""
        return sqlite3.SQLITE_OK if self._ours or _is_harmless(action, first, second) else sqlite3.SQLITE_DENY

    @contextlib.contextmanager
    def ours(self):  # type: ignore[no-untyped-def]
        """In this block statements are our own."""
        self._ours = True
        try:
            yield
        finally:
            self._ours = False

    def begin(self, isolation: Isolation | None, read_only: bool) -> list[str]:  # noqa: ARG002 - it knows one only
        """The lock is taken at once where it will be needed."""
        return [f"PRAGMA query_only = {int(read_only)}", "BEGIN" if read_only else "BEGIN IMMEDIATE"]

    def keeps_to(self, read_only: bool) -> bool:  # noqa: ARG002 - no statement can change it
        """Whether it is in a transaction."""
        return self._session is not None and self._session.in_transaction

    def pending(self) -> int:
        """Nothing: SQLite bounds its memory itself."""
        return 0

    def stop(self) -> None:
        """It runs in this process."""
        if self._session is not None:
            with contextlib.suppress(sqlite3.Error):
                self._session.interrupt()

    def cut(self) -> None:
        """As often as it takes."""
        self.stop()

    def close(self) -> None:
        """Let go of the file."""
        if self._session is not None:
            self._session.close()


def _is_harmless(action: int, first: str | None, second: str | None) -> bool:
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        return name in _TELLING and not (second and name in _SETTING)
    if action == sqlite3.SQLITE_FUNCTION:
        return (second or "").lower() not in _CLOSED_FUNCTIONS
    return action not in _CLOSED_ACTIONS


@contextlib.contextmanager
def _pinned(tenant: str, path: str) -> Iterator[str]:
    """A path of this process that leads to the tenant's file; SQLite asks the kernel for its name, to put a journal beside it."""
    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(files.root_of(tenant))
            with root.around(path) as (folder, name):
                journals.check(folder, name)
            file = stack.enter_context(root.pinned(path))
        except FileProblem as problem:
            raise PermanentFailure(f"{problem} in the tenant's folder", code=Failure.CONFIG_INVALID) from None
        yield file


def _confirm(file: str) -> None:
    """That SQLite, which opens files by name, has opened that one: it may have been exchanged meanwhile."""
    meant = os.stat(file)
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.name != Path(file).name and os.path.samestat(os.fstat(int(entry.name)), meant):
                return
    raise PermanentFailure("the file was exchanged while it was opened", code=Failure.UNSAFE_TARGET)
