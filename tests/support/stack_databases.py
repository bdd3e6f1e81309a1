"""A database server for a stack, and the product's database on it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scheduler_project.env import ROOT, Env
from scheduler_project.local import leash, ports, roles, service_user
from scheduler_project.local.postgres import Postgres
from tests.support import disks


@contextlib.contextmanager
def durable_server(*, disk_megabytes: int | None = None) -> Iterator[Postgres]:
    """A server as `make up` has it, fsync and all, gone with the block. The throwaway one may lose commits in a crash.

    ``disk_megabytes``: on a file system of its own, so small, where one can be mounted.
    """
    user = service_user.for_this_process(Env().service_user)
    with contextlib.ExitStack() as on_exit:
        folder = place = on_exit.enter_context(leash.temporary_folder("carillon-durable-", _reachable_by(user)))
        if disk_megabytes is not None:
            place = folder / "disk"
            on_exit.enter_context(disks.mounted(place, disk_megabytes))
        if user is not None:
            for owned in (folder, place):
                os.chown(owned, user.pw_uid, user.pw_gid)
        password = secrets.token_hex(16)
        server = Postgres(place / "data", log=folder / "log", password=password, port=ports.free(), user=user)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def migrated(server: Postgres) -> roles.Urls:
    """Make the product's database on a fresh server; returns its log-ins."""
    urls = roles.ensure(server.url())
    environment = {
        **os.environ,
        "DATABASE_URL": urls.owner,
        "CARILLON_DATABASE_ROLE": "owner",
        "CARILLON_SECRET_KEY": "only for tests",
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return urls


def _reachable_by(user: object) -> Path | None:
    if user is None or service_user.can_reach(user, Path(tempfile.gettempdir())):  # type: ignore[arg-type]
        return None
    return service_user.make_public(service_user.STATE)
