"""How a command ends, and that nothing it started outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from typing import Any

import pytest

from tasks.sandbox import process
from tasks.sandbox.process import Command, Ending
from tests.support.processes import eventually, listed, marked
from tests.tasks.sandbox.commands import DAEMON, Heard, mark, sh


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


def test_a_signal_that_another_thread_takes_waits_as_well():
    arrived: list[str] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: arrived.append("handled"))
    begun = threading.Event()

    def send() -> None:
        begun.wait(60)
        os.kill(os.getpid(), signal.SIGUSR1)

    other = threading.Thread(target=send)
    other.start()  # outside the block, or it would not take signals either
    try:
        with process._signals_waiting():
            begun.set()
            other.join()
            arrived.append("left")
        assert arrived == ["left", "handled"]
        assert signal.getsignal(signal.SIGUSR1) is not before
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_command_asked_to_end_may_tidy_up_and_say_how_it_went(command: Command) -> None:
    heard = Heard()
    script = "trap 'echo tidied; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
    ending = process.run(sh(command, script), heard, should_end=lambda: b"ready" in heard.of("stdout"))
    assert ending == Ending(code=3)
    assert b"tidied" in heard.of("stdout")


def test_a_command_asked_to_end_may_go_on(command: Command) -> None:
    heard = Heard()
    script = "trap 'asked=1' TERM; echo ready; while [ -z \"$asked\" ]; do sleep 0.02; done; sleep 2.5; exit 4"
    ending = process.run(sh(command, script), heard, should_end=lambda: b"ready" in heard.of("stdout"))
    assert ending == Ending(code=4)
