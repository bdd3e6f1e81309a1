from __future__ import annotations

import json
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler_project.local import service_user
from scheduler_project.local.errors import LocalError
from scheduler_project.local.home import Home, write_private
from tests.scheduler_project.local.terminal import Terminal, eventually

HOLD = """
import signal, sys
from pathlib import Path
from scheduler_project.local.home import Home
home = Home(Path(sys.argv[1]))
home.create()
assert home.claim()
home.publish(url="http://here")
print("held", flush=True)
signal.pause()
"""


def test_one_process_at_a_time_holds_a_home(run: Callable[..., Terminal], tmp_path: Path) -> None:
    holder = run("-c", HOLD, str(tmp_path / "home"))
    holder.shows("held")
    home = Home(tmp_path / "home")
    assert not home.claim()
    assert home.holder() == {"pid": holder.process.pid, "url": "http://here"}


def test_killed_holder_holds_nothing(run: Callable[..., Terminal], tmp_path: Path) -> None:
    holder = run("-c", HOLD, str(tmp_path / "home"))
    holder.shows("held")
    holder.send(signal.SIGKILL)
    home = Home(tmp_path / "home")
    eventually(lambda: home.holder() is None, "the lock's end")
    assert home.claim()
    home.release()


def test_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{}")
    path.chmod(0o644)
    write_private(path, {"a": 1})
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_folder_of_another_user_is_refused_by_name(tmp_path: Path) -> None:
    os.chown(tmp_path, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(LocalError, match="belongs to nobody"):
        Home(tmp_path).create()


def test_ordinary_users_data_lies_in_the_home(tmp_path: Path) -> None:
    assert Home(tmp_path).place_postgres(None) == tmp_path / "postgres"


def test_data_of_a_service_user_lies_where_it_can_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_user, "STATE", tmp_path / "state")
    home = Home(tmp_path / "home")
    home.create()
    data = home.place_postgres(pwd.getpwuid(os.geteuid()))
    assert data.parent.parent == tmp_path / "state"
    assert home.place_postgres(pwd.getpwuid(os.geteuid())) == Home(home.path).postgres == data
    home.delete()
    assert list((tmp_path / "state").iterdir()) == []


def test_data_whose_home_is_gone_is_not_taken_for_the_next_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_user, "STATE", tmp_path / "state")
    first, second = (Home(tmp_path / "home") for _ in range(2))
    first.create()
    data = first.place_postgres(pwd.getpwuid(os.geteuid()))
    first.path.rename(tmp_path / "gone")
    second.create()
    assert second.place_postgres(pwd.getpwuid(os.geteuid())) != data
