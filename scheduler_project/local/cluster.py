"""Making PostgreSQL's data folder: initdb, once."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from scheduler_project.local import service_user
from scheduler_project.local.errors import LocalError


def initialise(
    data: Path, *, binaries: Path, password: str, user: pwd.struct_passwd | None = None, durable: bool = True
) -> None:
    """Makes ``data``, its superuser ``postgres`` logging in with ``password`` from the first connection on.

    The folder appears in one step: what an interrupted try has left under another name is begun anew.

    Raises:
        LocalError: initdb failed; the message quotes it.
    """
    partial = data.with_name(data.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    with tempfile.NamedTemporaryFile("w", prefix="carillon-") as password_file:
        password_file.write(password)
        password_file.flush()
        if user is not None:
            os.chown(password_file.name, user.pw_uid, user.pw_gid)
        argv = [
            str(binaries / "initdb"),
            f"--pgdata={partial}",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password_file.name}",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, **service_user.account(user))
    if done.returncode != 0:
        raise LocalError(f"PostgreSQL's data folder {data} could not be made: {done.stderr.strip()}")
    partial.rename(data)
