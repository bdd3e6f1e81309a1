"""The system user that commands run as: never root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure

#: The first that exists, when none is named. Not PostgreSQL's: a script must not be able to touch its files.
DEFAULT_NAMES = ("carillon-jobs", "nobody")


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


def service_account() -> Account | None:
    """Whom a command of ours, running as root, becomes; None when we are an ordinary user and it stays one."""
    if os.geteuid() != 0:
        return None
    wanted = settings.JOBS_USER
    for name in [wanted] if wanted else DEFAULT_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise PermanentFailure(
        f"no user to run commands as: {wanted or ' or '.join(DEFAULT_NAMES)} is missing or is root; create it"
        " or name another in CARILLON_JOBS_USER",
        code=Failure.CONFIG_INVALID,
    )


def hand_over(folder: Path, account: Account | None) -> None:
    """Make the folder and all that is in it the account's own, and make sure it can get there."""
    if account is None:
        return
    for path in (*folder.rglob("*"), folder):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    for parent in folder.parents:
        if not _may_enter(parent, account):
            raise PermanentFailure(
                f"{folder} is out of reach for {account.name}, who runs the commands of jobs: let others enter"
                f" {parent} (chmod o+x), or set TMPDIR of the worker to a folder everybody can enter",
                code=Failure.CONFIG_INVALID,
            )


def _may_enter(folder: Path, account: Account) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)
