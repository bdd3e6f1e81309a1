from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.sandbox import accounts, probe, process
from tasks.sandbox.process import Command, Ending
from tests.support.processes import eventually, listed, marked

#: A process that has lost its parent, its session and its output: ``$MARK`` in its environment finds it.
#: Returns when it is up.
DAEMON = """
setsid sh -c 'sh -c "exec >/dev/null 2>&1; touch up; exec sleep 120" &' &
while [ ! -e up ]; do sleep 0.01; done
"""


@pytest.fixture(params=["own level", "process group"])
def wrapper(request: pytest.FixtureRequest) -> process.Wrapper | None:
    return probe.wrapper() if request.param == "own level" else None


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="carillon-test-")).resolve()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def command(folder: Path, wrapper: process.Wrapper | None) -> Command:
    """A command to fill in: run by sh, findable by its mark."""
    account = accounts.service_account()
    accounts.hand_over(folder, account)
    return Command(["/bin/sh", "-c", "true"], folder, {"MARK": uuid.uuid4().hex}, account=account, wrapper=wrapper)


def sh(command: Command, script: str, **changes: Any) -> Command:
    return replace(command, argv=["/bin/sh", "-c", script], **changes)


def mark(command: Command) -> str:
    return f"MARK={command.env['MARK']}"


class Heard(list[tuple[str, bytes]]):
    """Collects what is delivered."""

    def __call__(self, stream: str, data: bytes) -> None:
        self.append((stream, data))

    def of(self, stream: str) -> bytes:
        return b"".join(data for name, data in self if name == stream)


def printed(command: Command) -> str:
    heard = Heard()
    assert process.run(command, heard) == Ending(code=0)
    return heard.of("stdout").decode()


def test_streams_are_told_apart(command: Command) -> None:
    heard = Heard()
    process.run(sh(command, "echo out; echo err >&2"), heard)
    assert (heard.of("stdout"), heard.of("stderr")) == (b"out\n", b"err\n")


def test_output_is_delivered_while_the_command_runs(command: Command) -> None:
    def answer(stream: str, data: bytes) -> None:
        if data == b"ready\n":
            (command.folder / "go").touch()

    script = "echo ready; while [ ! -e go ]; do sleep 0.02; done"
    assert process.run(sh(command, script), answer) == Ending(code=0)


def test_stdin_is_given_however_long_it_is(command: Command) -> None:
    assert printed(sh(command, "wc -c", stdin=b"x" * 300_000)).strip() == "300000"


def test_stdin_is_empty_by_default(command: Command) -> None:
    assert printed(sh(command, "wc -c")).strip() == "0"


def test_more_output_than_a_pipe_holds_arrives_whole(command: Command) -> None:
    assert len(printed(sh(command, "head -c 1000000 /dev/zero"))) == 1_000_000


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_exit_code_tells_how_it_ended(command: Command, script: str, code: int) -> None:
    assert process.run(sh(command, script), Heard()) == Ending(code=code)


def test_environment_is_what_was_given_and_nothing_else(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    lines = printed(replace(command, argv=["/usr/bin/env"], env={"A": "1 = 2", "LD_DEBUG_OUTPUT": "x"})).splitlines()
    assert {line for line in lines if not line.startswith("PWD=")} == {"A=1 = 2", "LD_DEBUG_OUTPUT=x"}


def test_environment_is_in_no_process_list(command: Command) -> None:
    shown: list[bytes] = []
    secret = uuid.uuid4().hex

    def look(stream: str, data: bytes) -> None:
        shown.extend(arguments for arguments in listed().values() if secret.encode() in arguments)

    assert process.run(sh(command, "echo $SECRET; sleep 0.1", env={"SECRET": secret}), look) == Ending(code=0)
    assert shown == []


def test_command_starts_in_its_folder_and_may_write_there(command: Command) -> None:
    assert printed(sh(command, "pwd; echo x > file")).strip() == str(command.folder)
    assert (command.folder / "file").read_text() == "x\n"


def test_command_inherits_no_descriptors_and_no_signal_mask(command: Command) -> None:
    held = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(held, True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        # ls opens the folder it lists as number 3.
        assert printed(replace(command, argv=["/bin/ls", "/proc/self/fd"])).split() == ["0", "1", "2", "3"]
        # Asked without a shell, which would clear its mask itself.
        status = printed(replace(command, argv=["/bin/grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(held)
    blocked, ignored = (int(mask, 16) for mask in status.split()[1::2])
    # Signals 32 and 33 are the C library's own: it ignores them in whatever it spawns, and lets nobody set them.
    assert (blocked, ignored & ~(0b11 << 31)) == (0, 0)


def test_command_is_never_root_and_cannot_become_it(command: Command) -> None:
    uid, privileges = printed(sh(command, "id -u; grep NoNewPrivs /proc/self/status")).splitlines()
    assert uid == str(command.account.uid if command.account else os.getuid())
    assert uid != "0"
    assert privileges.split()[1] == "1"


def test_limits_are_in_force(command: Command) -> None:
    assert printed(sh(command, "ulimit -c; ulimit -n; ulimit -f")).split() == ["0", "1024", str(1024**3 // 512)]


def test_daemon_ends_with_the_command_that_left_it(command: Command) -> None:
    assert process.run(sh(command, DAEMON + "exit 5"), Heard()) == Ending(code=5)
    assert marked(mark(command)) == []


def test_many_daemons_forking_on_end_with_the_command(command: Command) -> None:
    breeding = "sh -c 'i=0; while [ $i -lt 40 ]; do (sleep 120 &) ; i=$((i+1)); sleep 0.01; done' &\n"
    assert process.run(sh(command, breeding * 5 + "sleep 0.1"), Heard()) == Ending(code=0)
    assert marked(mark(command)) == []


class Stop(BaseException):
    """Stands for whatever is raised into the running handler."""


def stopping(word: bytes, heard: Heard) -> process.Deliver:
    """Raises Stop as soon as the word is heard."""
    told = []

    def deliver(stream: str, data: bytes) -> None:
        heard(stream, data)
        if word in heard.of("stdout") and not told:
            told.append(word)
            raise Stop

    return deliver


def test_interrupted_command_is_asked_to_end_first(command: Command) -> None:
    heard = Heard()
    script = DAEMON + "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.02; done"
    with pytest.raises(Stop):
        process.run(sh(command, script), stopping(b"ready", heard))
    assert heard.of("stdout") == b"ready\nbye\n"
    assert marked(mark(command)) == []


def test_command_that_ignores_the_request_is_killed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    script = "trap '' TERM\n" + DAEMON + "echo ready; while :; do sleep 1; done"
    with pytest.raises(Stop):
        process.run(sh(command, script), stopping(b"ready", Heard()))
    assert marked(mark(command)) == []


def test_exception_of_the_check_ends_the_command(command: Command) -> None:
    heard = Heard()

    def check() -> None:
        if heard:
            raise Stop

    with pytest.raises(Stop):
        process.run(sh(command, DAEMON + "echo ready; sleep 120"), heard, check)
    assert marked(mark(command)) == []


def test_output_that_cannot_be_delivered_any_more_does_not_keep_the_command(command: Command) -> None:
    def deliver(stream: str, data: bytes) -> None:
        raise Stop

    with pytest.raises(Stop):
        process.run(sh(command, "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.02; done"), deliver)
    assert eventually(lambda: marked(mark(command)) == [])


def test_exception_in_the_middle_of_starting_leaves_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            assert eventually((command.folder / "ready").exists)
            raise Stop

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(Stop):
        process.run(sh(command, DAEMON + "touch ready; sleep 120"), Heard())
    assert eventually(lambda: marked(mark(command)) == [])
    assert started[0].wait(15) == 0


def leash_of(label: str) -> int:
    (pid,) = [pid for pid, shown in listed().items() if b"leash.py\0" + label.encode() in shown]
    return pid


def test_leash_that_hangs_is_killed_and_the_command_with_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(process, "PATIENCE_SECONDS", 0.1)
    label = uuid.uuid4().hex

    def hang(stream: str, data: bytes) -> None:
        os.kill(leash_of(label), signal.SIGSTOP)
        raise Stop

    with pytest.raises(Stop):
        process.run(sh(command, "echo ready; exec sleep 120", label=label), hang)
    assert eventually(lambda: marked(mark(command)) == [])


#: Starts a daemon on the leash, lets a copy of itself hold every pipe open, and dies.
DIES_WITH_A_TWIN = """
import os, signal, sys, time
from pathlib import Path
from tasks.sandbox import accounts, process

def deliver(stream, data):
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(120)
    os.kill(os.getpid(), signal.SIGKILL)

folder, mark, script = sys.argv[1:4]
account = accounts.service_account()
process.run(process.Command(["/bin/sh", "-c", script], Path(folder), {"MARK": mark}, account=account), deliver)
"""


def test_parents_death_is_noticed_although_a_copy_of_it_holds_the_lifeline(command: Command) -> None:
    twin = f"twin-{uuid.uuid4().hex}"
    script = DAEMON + "echo ready; sleep 120"
    arguments = [sys.executable, "-c", DIES_WITH_A_TWIN, str(command.folder), command.env["MARK"], script, twin]
    died = subprocess.run(arguments, check=False)
    assert died.returncode == -signal.SIGKILL
    try:
        assert any(twin.encode() in shown for shown in listed().values())
        assert eventually(lambda: marked(mark(command)) == [])
    finally:
        for pid, shown in listed().items():
            if twin.encode() in shown:
                os.kill(pid, signal.SIGKILL)


def test_killing_the_leash_kills_the_command(command: Command) -> None:
    label = uuid.uuid4().hex

    def kill(stream: str, data: bytes) -> None:
        os.kill(leash_of(label), signal.SIGKILL)

    ending = process.run(sh(command, "echo ready; exec sleep 120", label=label), kill)
    assert ending == Ending(error="the process that held the command was killed")
    assert eventually(lambda: marked(mark(command)) == [])


def test_no_descriptor_stays_open(command: Command) -> None:
    before = os.listdir("/proc/self/fd")
    process.run(sh(command, "echo x"), Heard())
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\x7fELF junk", "Exec format error")])
def test_what_cannot_be_run_says_why(command: Command, content: bytes | None, reason: str) -> None:
    program = command.folder / "program"
    if content is not None:
        program.write_bytes(content)
        program.chmod(0o755)
    ending = process.run(replace(command, argv=[str(program)], wrapper=None), Heard())
    assert ending.code is None
    assert ending.error is not None
    assert reason in ending.error
