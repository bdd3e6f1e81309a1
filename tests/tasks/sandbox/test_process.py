"""What a command is given, and what is heard of it."""

from __future__ import annotations

import os
import signal
import uuid
from dataclasses import replace

import pytest

from tasks.sandbox import limits, process
from tasks.sandbox.process import Command, Ending
from tests.support.processes import eventually, listed, open_files
from tests.tasks.sandbox.commands import Heard, printed, sh


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
    assert printed(sh(command, "ulimit -c; ulimit -n; ulimit -f")).split() == [
        "0",
        "1024",
        str(limits.Limits().disk_bytes // 512),
    ]


def test_no_descriptor_stays_open(command: Command) -> None:
    before = open_files()
    process.run(sh(command, "echo x"), Heard())
    assert eventually(lambda: not open_files() - before)


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
