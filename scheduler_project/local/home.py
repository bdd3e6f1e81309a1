"""CARILLON_HOME: what lies where, whose it is, and which `make up` holds it.

::

    home/                 mode 0700
      lock                held by the running `make up`     running.json  its pid and address
      secrets.json        generated once, mode 0600        ports.json    used last
      credentials.json    for people, mode 0600            logs/
      environments.json   for `make manage`, mode 0600
      postgres/ valkey/   the embedded servers' data
      outside ->          as root: the folder under /var/lib/carillon with postgres/ instead

The lock is the kernel's (flock): it ends with its process however that dies, so a held lock
proves that the pid beside it is alive and ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from scheduler_project.local import service_user
from scheduler_project.local.errors import LocalError


class Home:
    """One CARILLON_HOME, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.secrets = self.path / "secrets.json"
        self.ports = self.path / "ports.json"
        self.credentials = self.path / "credentials.json"
        self.environments = self.path / "environments.json"
        self.logs = self.path / "logs"
        self.valkey = self.path / "valkey"
        self._running = self.path / "running.json"
        self._lock_file = self.path / "lock"
        self._outside = self.path / "outside"
        self._lock: IO[str] | None = None

    def create(self) -> None:
        """Makes the folder, or checks that the one there is ours to use.

        Raises:
            LocalError: it belongs to another user, or holds somebody else's files.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check_owner()
        if not self.is_ours() and any(self.path.iterdir()):
            raise LocalError(
                f"CARILLON_HOME={self.path} holds other files; `make reset` would delete them. Name an empty folder."
            )
        self.path.chmod(0o700)
        self.logs.mkdir(exist_ok=True)

    def is_ours(self) -> bool:
        """Whether `make up` has made the folder."""
        return self._lock_file.exists()

    def check_owner(self) -> None:
        """Raises LocalError where another user, such as root by way of sudo, has made the folder."""
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise LocalError(f"{self.path} belongs to {pwd.getpwuid(owner).pw_name}: run make as that user.")

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL's data folder, which need not exist yet."""
        return (self._outside.resolve() if self._outside.exists() else self.path) / "postgres"

    def place_postgres(self, user: pwd.struct_passwd | None) -> Path:
        """The data folder, with a parent that ``user`` owns: as root, outside of this folder."""
        if user is not None and not self._outside.exists():
            digest = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:8]
            # A fresh name each time: a clone deleted without `make reset` leaves its data, whose
            # password nobody knows any more, under the name the next clone at its place would get.
            folder = tempfile.mkdtemp(prefix=f"{digest}-", dir=service_user.make_public(service_user.STATE))
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._outside.unlink(missing_ok=True)
            self._outside.symlink_to(folder)
        return self.postgres

    def claim(self) -> bool:
        """Takes the lock until :meth:`release` or this process's end; False when another process has it."""
        lock = self._lock_file.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        self.publish()
        return True

    def release(self) -> None:
        """Lets the next one in."""
        assert self._lock is not None
        self._lock.close()

    def publish(self, **facts: Any) -> None:
        """Tells other terminals the holder's pid and whatever else it knows. Needs the lock."""
        write_private(self._running, {"pid": os.getpid(), **facts})

    def holder(self) -> dict[str, Any] | None:
        """What the running `make up` has published, or None when nothing runs here."""
        if not self._lock_file.exists():
            return None
        with self._lock_file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                facts: dict[str, Any] = json.loads(self._running.read_text())
                return facts
        return None

    def delete(self) -> None:
        """Removes the folder and the one outside of it. Nothing may run there any more."""
        if self._outside.exists():
            shutil.rmtree(self._outside.resolve())
        shutil.rmtree(self.path)


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replaces the JSON file in one step; from its first moment only its owner can read it."""
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    partial.replace(path)
