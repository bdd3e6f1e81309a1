"""Servers for tests: empty, quick, and gone, data and all, with the block or the process, even killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scheduler_project.env import Env
from scheduler_project.local import leash, ports, service_user
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL whose superuser's log-in is ``.url(database)``; may be stopped and started again inside."""
    user = service_user.for_this_process(Env().service_user)
    with leash.temporary_folder("carillon-postgres-", _within(user)) as folder:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = Postgres(
            folder / "data",
            log=folder / "log",
            password=secrets.token_hex(16),
            port=ports.free(),
            user=user,
            durable=False,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    """A Valkey that keeps nothing; may be stopped and started again inside."""
    with leash.temporary_folder("carillon-valkey-") as folder:
        server = Valkey(
            folder / "data", log=folder / "log", password=secrets.token_hex(16), port=ports.free(), durable=False
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _within(user: pwd.struct_passwd | None) -> Path | None:
    """Where that user reaches a temporary folder: not in root's own TMPDIR."""
    if user is None or service_user.can_reach(user, Path(tempfile.gettempdir())):
        return None
    return service_user.make_public(service_user.STATE)
