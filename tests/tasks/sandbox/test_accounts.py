from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.sandbox import accounts
from tasks.sandbox.accounts import Account

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="carillon-test-") as name:
        yield Path(name)


def test_ordinary_user_stays_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert accounts.service_account() is None


@pytest.mark.usefixtures("as_root")
def test_root_becomes_the_user_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "JOBS_USER", "nobody")
    assert accounts.service_account() == Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(("known", "chosen"), [(["carillon-jobs", "nobody"], "carillon-jobs"), (["nobody"], "nobody")])
def test_root_becomes_the_jobs_user_or_else_nobody(
    monkeypatch: pytest.MonkeyPatch, known: list[str], chosen: str
) -> None:
    def look_up(name: str) -> pwd.struct_passwd:
        if name not in known:
            raise KeyError(name)
        return NOBODY

    monkeypatch.setattr(settings, "JOBS_USER", "")
    monkeypatch.setattr(pwd, "getpwnam", look_up)
    account = accounts.service_account()
    assert account is not None
    assert account.name == chosen


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("name", ["no-such-user", "root"])
def test_root_runs_nothing_when_there_is_nobody_to_become(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(settings, "JOBS_USER", name)
    with pytest.raises(PermanentFailure, match=name) as caught:
        accounts.service_account()
    assert caught.value.code == Failure.CONFIG_INVALID


def owned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records what would be given away, for tests that do not run as root."""
    given: list[str] = []
    monkeypatch.setattr(os, "chown", lambda path, uid, gid, follow_symlinks: given.append(Path(path).name))
    return given


def test_folder_is_handed_over_with_the_files_in_it(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    given = owned(monkeypatch)
    (folder / "script").touch()
    accounts.hand_over(folder, Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid))
    assert given == ["script", folder.name]


def test_folder_out_of_reach_is_refused_with_the_folder_that_is_closed(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    owned(monkeypatch)
    inner = folder / "inner"
    inner.mkdir()
    with pytest.raises(PermanentFailure, match=f"let others enter {folder}") as caught:
        accounts.hand_over(inner, Account("stranger", 54321, 54321))
    assert caught.value.code == Failure.CONFIG_INVALID


@pytest.mark.parametrize(
    ("account", "mode", "enters"),
    [
        (Account("owner", os.getuid(), 54321), 0o100, True),
        (Account("owner", os.getuid(), 54321), 0o011, False),
        (Account("group", 54321, os.getgid()), 0o010, True),
        (Account("group", 54321, os.getgid()), 0o101, False),
        (Account("other", 54321, 54321), 0o001, True),
        (Account("other", 54321, 54321), 0o110, False),
    ],
)
def test_entering_a_folder_is_judged_like_the_kernel_does(
    folder: Path, account: Account, mode: int, enters: bool
) -> None:
    folder.chmod(mode)
    assert accounts._may_enter(folder, account) is enters
    folder.chmod(0o700)
