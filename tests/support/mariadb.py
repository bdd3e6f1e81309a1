"""A MariaDB for tests: started when the first one asks, gone with the process. Its log-in is no superuser."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pwd
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from scheduler_project.local import leash, ports
from tests.support import certificates

START_SECONDS = 20.0


@dataclass(frozen=True)
class MariaDb:
    """A running server with an empty database ``shop``."""

    port: int
    folder: Path
    admin_password: str
    password: str

    @property
    def fields(self) -> dict[str, Any]:
        """Of a connection to it."""
        return {
            "kind": "mysql", "host": "127.0.0.1", "port": self.port, "database": "shop", "user": "shop",
            "password": self.password, "tls": "off",
        }  # fmt: skip

    def admin(self) -> Any:
        """A session that sees and may everything."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="admin",
            password=self.admin_password,
            autocommit=True,
            ssl_disabled=True,
        )

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """As that one."""
        with contextlib.closing(self.admin()) as session, session.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@functools.cache
def server() -> MariaDb:
    """This process's."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(leash.temporary_folder("carillon-mariadb-"))
    return _started(folder)


def _started(folder: Path) -> MariaDb:
    user = pwd.getpwuid(os.getuid()).pw_name
    data = folder / "data"
    data.mkdir()
    found = MariaDb(ports.free(), folder, secrets.token_hex(16), secrets.token_hex(16))
    common = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
    subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / "init.sql").write_text(
        f"CREATE USER admin@'127.0.0.1' IDENTIFIED BY '{found.admin_password}';\n"
        "GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n"
        f"CREATE USER shop@'127.0.0.1' IDENTIFIED BY '{found.password}';\n"
        "CREATE DATABASE shop;\nGRANT ALL ON shop.* TO shop@'127.0.0.1';\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "mariadbd", *common, f"--port={found.port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}",
                f"--pid-file={folder / 'pid'}", f"--init-file={folder / 'init.sql'}", "--skip-name-resolve", "--local-infile=1",
                "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
                "--performance-schema=OFF", "--max-connections=20",
                f"--ssl-cert={certificates.made().certificate}", f"--ssl-key={certificates.made().key}",
            ],
            stdout=log, stderr=log, cwd=data,
        )  # fmt: skip
    atexit.register(process.wait)
    atexit.register(process.kill)  # nothing in it is missed; were we killed, the folder's leash would see to it
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(pymysql.err.OperationalError):
            found.ask("SELECT 1")
            return found
        assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
        time.sleep(0.05)
