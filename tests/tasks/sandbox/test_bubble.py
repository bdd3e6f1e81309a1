"""What a command finds inside the namespaces, asked from inside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.sandbox import accounts, bubble, probe, process

pytestmark = pytest.mark.needs("bwrap")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="carillon-test-") as name:
        accounts.hand_over(Path(name), accounts.service_account())
        yield Path(name).resolve()


def inside(folder: Path, script: str) -> str:
    """What the script prints, errors included."""
    heard: list[bytes] = []
    wrapper = probe.standing().wrapper
    assert wrapper is not None
    command = process.Command(
        ["/bin/sh", "-c", script], folder, {"PATH": process.PATH}, account=accounts.service_account(), wrapper=wrapper
    )
    process.run(command, lambda _, data: heard.append(data))
    return b"".join(heard).decode()


def test_own_processes_are_the_only_ones(folder: Path) -> None:
    pids = inside(folder, "echo /proc/[0-9]*").split()
    assert 1 <= len(pids) <= 3
    assert "/proc/1" in pids


def test_repository_is_not_there(folder: Path) -> None:
    assert "No such file" in inside(folder, f"ls {bubble.REPOSITORY}/tasks")


def test_home_of_carillon_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        (Path(home) / "credentials.json").write_text("{}")
        monkeypatch.setenv("CARILLON_HOME", home)
        assert "No such file" in inside(folder, f"cat {home}/credentials.json")


def test_installation_inside_usr_is_blank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubble, "REPOSITORY", Path("/usr/share/zoneinfo"))
    assert inside(folder, "ls /usr/share/zoneinfo") == ""
    assert inside(folder, "ls /usr/share") != ""


def test_folders_of_others_are_not_there(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="carillon-test-") as other:
        Path(other).chmod(0o777)
        assert inside(folder, "ls /tmp").split() == [folder.name]


def test_files_of_the_system_that_hold_secrets_are_not_there(folder: Path) -> None:
    for path in ("/etc/shadow", "/root", "/home", "/var", "/run", "/sys"):
        assert "No such file" in inside(folder, f"ls {path}")


def test_nothing_but_the_folder_and_tmp_can_be_written(folder: Path) -> None:
    for path in ("/", "/usr", "/etc", "/proc/sys", "/usr/local/bin"):
        assert "ok" not in inside(folder, f"echo x > {path}/planted && echo ok")
    for path in (folder, "/tmp", "/dev/null"):
        assert inside(folder, f"echo x > {path}{'' if path == '/dev/null' else '/file'} && echo ok") == "ok\n"


def test_tmp_is_gone_with_the_command(folder: Path) -> None:
    inside(folder, "touch /tmp/left-behind-by-a-test")
    assert not Path("/tmp/left-behind-by-a-test").exists()


def test_no_further_user_namespace_can_be_made(folder: Path) -> None:
    wrapper = probe.standing().wrapper
    assert wrapper is not None
    if not wrapper.hardening:
        pytest.skip("this bubblewrap knows no --disable-userns")
    assert "ok" not in inside(folder, "unshare --user true && echo ok")


def test_names_and_certificates_can_be_looked_up(folder: Path) -> None:
    assert "localhost" in inside(folder, "getent hosts localhost")
    assert (inside(folder, "ls /etc/ssl/certs") != "") == os.path.isdir("/etc/ssl/certs")


def test_links_out_of_the_folder_lead_nowhere(folder: Path) -> None:
    (folder / "link").symlink_to(Path(bubble.__file__))
    assert "No such file" in inside(folder, "cat link")
    assert (folder / "link").exists()
