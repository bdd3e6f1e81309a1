"""What a query, a connection's fields or a server might try, against the wall that stops it."""

from __future__ import annotations

import os
import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from jobs.handlers import HandlerError, PermanentFailure
from tasks import egress
from tasks.files import Root
from tests.support import databases, mariadb, servers
from tests.tasks.databases.conftest import Opening

SQLITE = {"kind": "sqlite", "path": "shop.sqlite3"}


def refused(opening: Opening, fields: dict[str, Any], *statements: str, **options: Any) -> HandlerError:
    """How one of the statements, or the log-in, is refused."""

    def tried() -> None:
        with opening(fields, **options) as (session, _):
            for statement in statements:
                session.execute(statement)

    with pytest.raises(HandlerError) as raised:
        tried()
    return raised.value


def test_our_own_database_is_closed_whatever_is_allowed(opening: Opening, monkeypatch):
    everything = ["0.0.0.0/0", "::/0", "localhost"]
    for fields in (databases.postgresql(), databases.mysql()):
        monkeypatch.setattr(egress, "_protected", frozenset({("localhost", fields["port"])}))
        for host in ("127.0.0.1", "localhost", "127.0.0.2", "::1"):
            error = refused(opening, {**fields, "host": host}, allowed=everything)
            assert (error.code, "belongs to Carillon itself" in str(error)) == ("UNSAFE_TARGET", True)


def test_an_address_that_is_not_allowed_is_not_reached(opening: Opening):
    for fields in (databases.postgresql(), databases.mysql()):
        assert refused(opening, fields, allowed=[]).code == "UNSAFE_TARGET"


def test_a_database_name_that_is_an_address_leads_nowhere_else(opening: Opening):
    for name in ("postgresql://203.0.113.1/shop", "x'host=203.0.113.1".replace("=", ""), "/tmp/x"):
        error = refused(opening, {**databases.postgresql(), "database": name})
        assert f'database "{name}" does not exist' in str(error)


@pytest.mark.parametrize("field", ["user", "password"])
def test_a_value_that_reads_like_more_options_is_a_value(opening: Opening, field: str):
    """In a DSN an address overrides the host, whoever writes it there."""
    fields = databases.postgresql()
    for value in (f"{fields[field]} hostaddr=127.0.0.9", "x' hostaddr='127.0.0.9", "x\\' hostaddr='127.0.0.9"):
        assert "password authentication failed" in str(refused(opening, {**fields, field: value}))


def test_nothing_is_taken_from_the_environment_or_the_home(opening: Opening, monkeypatch, tmp_path):
    fields = databases.postgresql()
    (tmp_path / ".pgpass").write_text(f"*:*:*:*:{fields['password']}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    (tmp_path / ".my.cnf").write_text(f"[client]\npassword={mariadb.server().password}\nport=1\n")
    with monkeypatch.context() as patch:
        for name, value in {
            "HOME": str(tmp_path), "PGPASSFILE": str(tmp_path / ".pgpass"), "PGPASSWORD": fields["password"],
            "PGHOSTADDR": "203.0.113.1", "PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "standby",
            "MYSQL_PWD": mariadb.server().password, "MYSQL_HOST": "203.0.113.1",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        with opening(fields) as (session, _):
            assert session.execute("SELECT 1") == 1
        for each in (fields, databases.mysql()):
            without = {name: value for name, value in each.items() if name != "password"}
            assert "connection" in refused(opening, without).tags


@pytest.mark.parametrize("variable", ["PGSERVICEFILE", "PGSYSCONFDIR"])
def test_no_service_of_the_workers_is_read(opening: Opening, monkeypatch, tmp_path, variable):
    (tmp_path / "pg_service.conf").write_text("[ours]\noptions=-c statement_timeout=1234\n")
    for service in ("ours", "nobody's"):
        with monkeypatch.context() as patch:
            patch.setenv("PGSERVICE", service)
            patch.setenv("PGOPTIONS", "-c statement_timeout=4321")
            patch.setenv(variable, str(tmp_path / ("pg_service.conf" if variable == "PGSERVICEFILE" else "")))
            with opening(databases.postgresql()) as (session, _):
                assert [row[0] for row in session.stream("SELECT current_setting('statement_timeout')")] == ["0"]
            assert os.environ["PGSERVICE"] == service


def test_who_may_run_programs_on_the_server_is_not_let_in(opening: Opening):
    """COPY … TO PROGRAM and COPY … FROM a file need one of these, however they are spelt or wrapped in code."""
    parts = urlsplit(servers.URLS["super"])
    fields = databases.postgresql()
    master = {**fields, "user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    assert refused(opening, master).code == "CONFIG_INVALID"
    with servers.superuser() as superuser:
        for role in ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"):
            superuser.execute(f"GRANT {role} TO {fields['user']}")
            try:
                error = refused(opening, fields)
            finally:
                superuser.execute(f"REVOKE {role} FROM {fields['user']}")
            assert (error.code, role in str(error)) == ("CONFIG_INVALID", True)
    for query in (
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        assert refused(opening, fields, query).tags == {"sqlstate:42501"}


def test_who_may_read_the_servers_files_is_not_let_in(opening: Opening):
    server = mariadb.server()
    server.ask("CREATE OR REPLACE USER filer@'127.0.0.1' IDENTIFIED BY 'made-up-secret'")
    server.ask("GRANT ALL ON shop.* TO filer@'127.0.0.1'")
    filer = {**server.fields, "user": "filer", "password": "made-up-secret"}
    for query in ("SELECT 1 INTO OUTFILE '/tmp/x'", "LOAD DATA INFILE '/etc/passwd' INTO TABLE x"):
        assert refused(opening, filer, query).tags <= {"mysql:1045", "mysql:1227"}
    server.ask("GRANT SELECT, FILE ON *.* TO filer@'127.0.0.1'")
    assert "FILE" in str(refused(opening, filer))
    server.ask("REVOKE FILE ON *.* FROM filer@'127.0.0.1'")
    server.ask("CREATE OR REPLACE ROLE filing")
    server.ask("GRANT FILE ON *.* TO filing")
    server.ask("GRANT filing TO filer@'127.0.0.1'")
    assert "FILE" in str(refused(opening, filer))
    assert "ALL PRIVILEGES" in str(refused(opening, {**filer, "user": "admin", "password": server.admin_password}))


@contextmanager
def thieving(wanted: str) -> Iterator[tuple[int, list[bytes]]]:
    """A server that speaks MySQL, lets everybody in, and answers a query by asking for a file of the client's."""
    ok = b"\x00\x00\x00\x02\x00\x00\x00"
    greeting = (
        b"\x0a5.7.0\0\x01\0\0\0abcdefgh\0\xff\xf7\x21\x02\x00\xff\xc1\x15"
        + b"\0" * 10
        + b"ijklmnopqrst\0mysql_native_password\0"
    )
    got: list[bytes] = []

    def packet(number: int, data: bytes) -> bytes:
        return struct.pack("<I", len(data))[:3] + bytes([number]) + data

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as connected:
            connected.settimeout(10)
            connected.sendall(packet(0, greeting))
            connected.recv(65536)
            connected.sendall(packet(2, ok))
            while data := connected.recv(65536):
                asked = data[5:]
                if b"SHOW GRANTS" in asked:
                    connected.sendall(packet(1, b"\xfb" + wanted.encode()))
                    got.append(connected.recv(65536))
                    return
                connected.sendall(packet(1, ok))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        yield listener.getsockname()[1], got
        thread.join(60)


def test_a_server_that_asks_for_a_file_of_the_workers_gets_none(opening: Opening, tmp_path):
    (tmp_path / "secret").write_text("canary-of-the-worker")
    with thieving(str(tmp_path / "secret")) as (port, got):
        error = refused(opening, {**databases.mysql(), "port": port})
    assert b"canary" not in b"".join(got)
    assert (error.code, "asked for a file" in str(error)) == ("UNSAFE_TARGET", True)
    assert refused(opening, databases.mysql(), "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE x")


def test_sqlite_reaches_no_other_file(files, opening: Opening, tmp_path):
    sqlite3.connect(tmp_path / "foreign.sqlite3").execute("CREATE TABLE x (a)").connection.close()
    for statement in (
        f"ATTACH '{tmp_path}/foreign.sqlite3' AS other",
        f"ATTACH 'file:{tmp_path}/foreign.sqlite3?mode=ro' AS other",
        f"ATTACH '{tmp_path}' || '/foreign.sqlite3' AS other",
        f"VACUUM INTO '{tmp_path}/copy'",
        f"PRAGMA temp_store_directory = '{tmp_path}'",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = off",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA max_page_count = 1000000000",
        "SELECT * FROM pragma_journal_mode('off')",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' REGEXP '(a+)+$'",
        "COMMIT",
        "SELECT 1; SELECT 2",
    ):
        assert refused(opening, SQLITE, statement), statement
    assert sorted(each.name for each in tmp_path.iterdir()) == ["acme", "foreign.sqlite3"]
    with opening(SQLITE) as (session, _):
        session.execute("CREATE TABLE x (a)")
        assert session.execute("PRAGMA table_info(x)") == 1


def test_sqlite_follows_no_link_and_opens_plain_files_only(files, opening: Opening, tmp_path):
    (tmp_path / "foreign.sqlite3").write_bytes((files / "shop.sqlite3").read_bytes())
    (files / "link.sqlite3").symlink_to(tmp_path / "foreign.sqlite3")
    (files / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "foreign.sqlite3", files / "hard.sqlite3")
    os.mkfifo(files / "pipe.sqlite3")
    for path in ("link.sqlite3", "folder/foreign.sqlite3", "hard.sqlite3", "pipe.sqlite3"):
        assert refused(opening, {**SQLITE, "path": path}).code == "UNSAFE_TARGET"
    assert refused(opening, {**SQLITE, "path": "gone.sqlite3"}).code == "CONFIG_INVALID"


def test_a_file_that_is_exchanged_while_sqlite_opens_it_is_not_taken(files, opening: Opening, monkeypatch, tmp_path):
    (tmp_path / "foreign.sqlite3").touch()
    pinned = Root.pinned

    @contextmanager
    def exchanging(root: Root, path: str) -> Iterator[str]:
        with pinned(root, path) as file:
            (files / path).unlink()
            (files / path).symlink_to(tmp_path / "foreign.sqlite3")
            (files / f"{path} (deleted)").symlink_to(tmp_path / "foreign.sqlite3")  # as the kernel calls it now
            yield file

    monkeypatch.setattr(Root, "pinned", exchanging)
    with pytest.raises(PermanentFailure, match="exchanged"), opening(SQLITE):
        pass


def test_a_journal_lies_beside_the_file(files, opening: Opening):
    (files / "in").mkdir()
    (files / "shop.sqlite3").rename(files / "in/shop.sqlite3")
    with opening({**SQLITE, "path": "in/shop.sqlite3"}) as (session, _), session.transaction():
        session.execute("CREATE TABLE x (a)")
        assert sorted(os.listdir(files / "in")) == ["shop.sqlite3", "shop.sqlite3-journal"]
