"""What a script may try against its machine and its neighbours. Each of these works without its wall."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.sandbox import accounts, bubble, probe, process
from tasks.sandbox.limits import MIB, Limits
from tasks.sandbox.process import Command, Ending
from tests.support.processes import eventually, marked
from tests.tasks.sandbox.commands import Heard, mark, sh

full = pytest.mark.needs("bwrap")


@pytest.fixture
def sealed(folder: Path) -> Command:
    """At the full level."""
    accounts.hand_over(folder, accounts.service_account())
    wrapper = probe.standing().wrapper
    return Command(["/bin/true"], folder, {"PATH": process.PATH}, account=accounts.service_account(), wrapper=wrapper)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder of another attempt's, open to whoever comes by."""
    path = Path(tempfile.mkdtemp(prefix="carillon-attempt-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def said(command: Command, script: str, limits: Limits | None = None) -> str:
    """What it prints, errors included."""
    heard = Heard()
    process.run(sh(command, script, limits=limits or Limits()), heard)
    return b"".join(data for _, data in heard).decode()


def python(command: Command, script: str) -> str:
    (command.folder / "attack.py").write_text(script)
    return said(command, "python3 attack.py")


# --- using up the machine -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", ["own level"], indirect=True)
def test_fork_bomb_burns_down(command: Command) -> None:
    """At the limit, or at the wall behind it where every fork fails."""
    process.run(sh(command, "f() { f | f & }; f; sleep 0.5", limits=Limits(processes=30)), Heard())
    assert marked(mark(command)) == []


def test_one_file_ends_at_the_limit(command: Command) -> None:
    said(command, "head -c 9000000 /dev/zero > file", Limits(disk_bytes=MIB))
    assert (command.folder / "file").stat().st_size == MIB


@full
def test_memory_that_looks_like_files_has_a_size(sealed: Command) -> None:
    found = said(
        sealed,
        "for f in /tmp /dev/shm /dev /; do head -c 900000000 /dev/zero > $f/f; done; df --output=size -m /tmp /dev/shm",
    )
    assert found.count("No space left") == 2
    assert found.count("Read-only file system") == 2
    assert found.split()[-2:] == ["256", "64"]


@full
@pytest.mark.parametrize("call", ["os.memfd_create('x')", "ctypes.CDLL(None).shmget(0, 9000000, 0o1600)"])
def test_memory_that_belongs_to_no_process_cannot_be_had(sealed: Command, call: str) -> None:
    outcome = python(sealed, f"import ctypes, os\ntry: print({call} >= 0)\nexcept OSError as e: print(e.errno)")
    assert outcome.strip() in ("38", "False")


def test_no_core_is_dumped(command: Command) -> None:
    assert said(
        command, "ulimit -Hc; ulimit -c unlimited 2>/dev/null || echo refused; sh -c 'kill -SEGV $$'; ls core*"
    ).startswith("0\nrefused\n")
    assert list(command.folder.glob("core*")) == []


def test_kernel_ends_scripts_before_the_worker(command: Command) -> None:
    assert said(command, "cat /proc/self/oom_score_adj").strip() == "1000"


# --- seeing and touching others ---------------------------------------------------------------------------------------


@full
@pytest.mark.parametrize("secret", ["/proc/1/environ", "/proc/self/../1/environ"])
def test_environment_of_the_worker_is_out_of_sight(sealed: Command, secret: str) -> None:
    assert said(sealed, f"tr '\\0' '\\n' < {secret} | grep -c =").strip().endswith("0")
    assert str(os.getpid()) not in said(sealed, "ls /proc").split()


@full
def test_folder_of_another_attempt_is_out_of_reach(sealed: Command, reachable: Path) -> None:
    (reachable / "theirs").write_text("secret")
    (sealed.folder / "link").symlink_to(reachable / "theirs")
    found = said(sealed, f"cat {reachable}/theirs link; ls {reachable}; echo mine > {reachable}/planted")
    assert "secret" not in found
    assert [path.name for path in reachable.iterdir()] == ["theirs"]


@full
def test_code_of_the_worker_cannot_be_changed(sealed: Command) -> None:
    code = Path(bubble.__file__)
    before = code.read_bytes()
    said(sealed, f"mkdir -p {code.parent}; echo attack >> {code}")
    assert code.read_bytes() == before


@full
@pytest.mark.skipif(not os.access("/usr/local/share", os.W_OK), reason="plants a file that everybody may write")
def test_programs_of_the_system_cannot_be_changed_whatever_their_modes(sealed: Command) -> None:
    with tempfile.TemporaryDirectory(prefix="carillon-test-", dir="/usr/local/share") as name:
        Path(name).chmod(0o777)
        assert "Read-only file system" in said(sealed, f"echo attack > {name}/planted")
        assert os.listdir(name) == []


@full
def test_abstract_socket_of_the_machine_cannot_be_reached(sealed: Command) -> None:
    name = f"carillon-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        connect = f"import socket\ns = socket.socket(socket.AF_UNIX)\nprint(s.connect_ex('\\0{name}'))"
        assert python(sealed, connect) == "111\n"


@full
def test_servers_of_the_machine_cannot_be_reached(sealed: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hosts = [("127.0.0.1", port), ("169.254.169.254", 80), ("8.8.8.8", 53)]
        connect = f"import socket\nfor p in {hosts}:\n s = socket.socket()\n s.settimeout(2)\n print(s.connect_ex(p))"
        assert python(sealed, connect).split() == ["111", "101", "101"]


@full
@pytest.mark.parametrize(
    "path", ["/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd"]
)
def test_sockets_that_rule_the_machine_are_not_there(sealed: Command, path: str) -> None:
    assert "No such file" in said(sealed, f"ls {path}")


def test_descriptors_of_the_worker_are_not_inherited(command: Command) -> None:
    with tempfile.NamedTemporaryFile() as secret:
        os.set_inheritable(secret.fileno(), True)
        found = said(command, "ls -l /proc/self/fd")
    assert "/memfd" in found
    assert secret.name not in found


# --- becoming more ----------------------------------------------------------------------------------------------------


@full
@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("libc.ptrace(0, 0, 0, 0)", "-1 1"),
        ("libc.unshare(0x10000000)", "-1 1"),
        ("libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)", "-1 1"),
        ("libc.syscall(425, 8, buffer)", "-1 38"),
        ("libc.syscall(250 if x86 else 219, 0, -3, 0)", "-1 1"),
        ("libc.syscall(435, buffer, 88)", "-1 38"),
        ("libc.syscall(56 if x86 else 220, 0x10000011, 0, 0, 0, 0)", "-1 1"),
        ("libc.ioctl(0, 0x5412, buffer)", "-1 1"),
        ("libc.syscall(101 | 0x40000000 if x86 else 117, 0, 0, 0, 0)", "-1 1"),
    ],
    ids=["ptrace", "user namespace", "mount", "io_uring", "keyctl", "clone3", "clone", "TIOCSTI", "x32"],
)
def test_call_that_escapes_are_made_of_is_refused(sealed: Command, attempt: str, outcome: str) -> None:
    script = (
        "import ctypes, platform\nlibc = ctypes.CDLL(None, use_errno=True)\nx86 = platform.machine() == 'x86_64'\n"
        f"buffer = ctypes.create_string_buffer(256)\nfound = {attempt}\nprint(found, ctypes.get_errno())"
    )
    assert python(sealed, script).strip() == outcome


def test_nobody_becomes_root_by_a_program(command: Command) -> None:
    program = command.folder / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    assert said(command, "./id -u").strip() == said(command, "id -u").strip() != "0"


@full
def test_set_uid_programs_of_the_system_give_nothing(sealed: Command) -> None:
    assert (
        said(sealed, "ls /usr/bin/su /usr/bin/mount >/dev/null && mount -t tmpfs none /tmp; id -u").split()[-1] != "0"
    )


@full
def test_terminal_of_the_worker_is_not_the_scripts(sealed: Command) -> None:
    assert "ok" not in said(sealed, "echo x > /dev/tty && echo ok")
    session, own = python(sealed, "import os\nprint(os.getsid(0), os.getpid())").split()
    # Begun in here: one of outside would be 0.
    assert 0 < int(session) <= int(own)


# --- staying --------------------------------------------------------------------------------------------------------


def test_nothing_stays_that_daemonises_with_a_signal_ignored(command: Command) -> None:
    script = "setsid sh -c \"trap '' HUP TERM INT; (setsid sleep 120 >/dev/null 2>&1 &) ; sleep 120\" >/dev/null 2>&1 & sleep 0.2"
    assert process.run(sh(command, script), Heard()) == Ending(code=0)
    assert eventually(lambda: marked(mark(command)) == [])


@full
def test_loopback_inside_is_its_own(sealed: Command) -> None:
    talk = (
        "import socket, threading\nserver = socket.create_server(('127.0.0.1', 8000))\n"
        "client = socket.create_connection(('127.0.0.1', 8000))\nprint('talked')"
    )
    assert python(sealed, talk) == "talked\n"
