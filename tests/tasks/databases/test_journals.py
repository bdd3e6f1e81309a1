"""A journal beside a SQLite file that names another one: nothing makes SQLite delete that."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.handlers import HandlerError, PermanentFailure
from tasks.databases import journals
from tests.tasks.databases.conftest import Opening

SQLITE = {"kind": "sqlite", "path": "shop.sqlite3"}
MAGIC = bytes.fromhex("d9d505f920a163d7")


def naming(path: Path, page: int = 4096) -> bytes:
    """A journal with nothing to roll back, which ends with the name of a super-journal."""
    name = str(path).encode()
    header = (MAGIC + struct.pack(">5I", 0, 1, 2, 512, page)).ljust(512, b"\0")
    return header + struct.pack(">I", 0) + name + struct.pack(">2I", len(name), sum(name)) + MAGIC


@pytest.fixture
def victim(files: Path, tmp_path: Path) -> Path:
    """A file of somebody else's, which the journal beside the tenant's database names."""
    victim = tmp_path / "victim"
    victim.write_text("somebody else's")
    with sqlite3.connect(files / "shop.sqlite3") as session:
        session.execute("CREATE TABLE x (a)")
    session.close()
    return victim


def look(opening: Opening) -> int | None:
    with opening(SQLITE) as (session, _):
        return session.execute("SELECT * FROM x")


def test_the_journal_of_these_tests_is_one_that_sqlite_believes(files, victim):
    (files / "shop.sqlite3-journal").write_bytes(naming(victim))
    sqlite3.connect(files / "shop.sqlite3").execute("SELECT * FROM x").connection.close()
    assert not victim.exists()


def test_a_journal_that_names_a_file_is_refused_and_said_to_be_there(files, victim, opening):
    (files / "shop.sqlite3-journal").write_bytes(naming(victim))
    with pytest.raises(PermanentFailure, match=r"Delete shop\.sqlite3-journal"):
        look(opening)
    assert victim.exists()


def test_one_that_comes_after_the_look_deletes_nothing_either(files, victim, opening, monkeypatch):
    monkeypatch.setattr(journals, "check", lambda *_: (files / "shop.sqlite3-journal").write_bytes(naming(victim)))
    with pytest.raises(HandlerError):
        look(opening)
    assert victim.exists()


def test_one_that_comes_between_two_statements_deletes_nothing_either(files, victim, opening):
    def twice() -> None:
        with opening(SQLITE) as (session, _):
            session.execute("SELECT * FROM x")
            (files / "shop.sqlite3-journal").write_bytes(naming(victim))
            session.execute("SELECT * FROM x")

    with pytest.raises(HandlerError):
        twice()
    assert victim.exists()


@pytest.mark.parametrize("suffix", journals.SUFFIXES)
def test_what_is_no_plain_file_beside_it_is_refused(files, victim, opening, suffix):
    os.link(victim, files / f"shop.sqlite3{suffix}")
    with pytest.raises(PermanentFailure, match="no plain file"):
        look(opening)
    (files / f"shop.sqlite3{suffix}").unlink()
    (files / f"shop.sqlite3{suffix}").symlink_to(victim)
    with pytest.raises(PermanentFailure, match="no plain file"):
        look(opening)


def test_what_a_killed_session_left_is_rolled_back(files, victim, opening):
    program = (
        "import os, sqlite3, sys; s = sqlite3.connect(sys.argv[1], isolation_level=None); s.execute('PRAGMA cache_size=1')\n"
        "s.execute('BEGIN')\n"
        "for _ in range(50): s.execute('INSERT INTO x VALUES (zeroblob(9000))')\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(files / "shop.sqlite3")], check=False)
    assert (files / "shop.sqlite3-journal").stat().st_size > 0
    assert look(opening) == 0
    assert not (files / "shop.sqlite3-journal").exists()


def test_where_sqlite_cannot_be_fenced_in_no_session_is_opened(files, victim, opening, monkeypatch):
    def without(_: Any) -> Any:
        return object()

    journals.filesystem.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(journals.ctypes, "CDLL", without)
        with pytest.raises(PermanentFailure, match="fenced in"):
            look(opening)
    assert look(opening) == 0
