from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scheduler_project.local import supervise
from tests.scheduler_project.local.terminal import Terminal, eventually, is_running

Start = Callable[..., Terminal]

#: Tells its turn and pid, then lives until asked to end, and says so.
POLITE = """
import os, signal, sys
def end(*_):
    print("bye", sys.argv[1])
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", sys.argv[1], os.getpid())
while True:
    signal.pause()
"""


def program(name: str, code: str = POLITE, **more: Any) -> dict[str, Any]:
    return {"name": name, "code": code, "ready": "ready", **more}


@pytest.fixture
def start(run: Start, tmp_path: Path) -> Start:
    """Starts a supervisor of programs, whose logs go to ``tmp_path``."""
    return lambda *programs: run(supervise.__file__, str(tmp_path), json.dumps(programs))


def pids(terminal: Terminal) -> list[int]:
    return [int(pid) for pid in re.findall(r"ready \d (\d+)", terminal.text)]


def test_crashed_program_starts_again_after_growing_pauses(start: Start) -> None:
    terminal = start(program("web", "import sys; sys.exit(3)"))
    for pause in ("0.5", "1", "2"):
        terminal.shows(f"web has ended (exit code 3); starting it again in {pause} s")


def test_killed_program_is_said_and_replaced(start: Start) -> None:
    terminal = start(program("web"))
    terminal.shows("ready 1")
    os.kill(pids(terminal)[0], signal.SIGKILL)
    terminal.shows("web has ended (killed by SIGKILL)")
    terminal.shows("ready 1", times=2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_goes_stage_by_stage_and_leaves_nothing(start: Start, number: signal.Signals) -> None:
    terminal = start(program("worker", stage=1), program("web"), program("beat"))
    terminal.shows("ready", times=3)
    terminal.send(number)
    assert terminal.ends() == 0
    ended = re.findall(r"(\w+) +\| bye", terminal.text)
    assert sorted(ended[:2]) == ["beat", "web"]
    assert ended[2:] == ["worker"]
    assert not any(map(is_running, pids(terminal)))


def test_last_program_starts_when_the_others_are_up(start: Start) -> None:
    terminal = start(program("flower", last=True), program("web"))
    terminal.shows("ready", times=2)
    assert re.findall(r"(\w+) +\| ready", terminal.text) == ["web", "flower"]


def test_program_deaf_to_the_request_is_killed_after_its_grace(start: Start) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); signal.pause()"
    terminal = start(program("worker", deaf, grace=0.1))
    terminal.shows("ready")
    terminal.send(signal.SIGTERM)
    assert terminal.ends() == 0
    assert "still there 0.1 s after SIGTERM: killed" in terminal.text


def test_killed_supervisor_leaves_no_process(start: Start) -> None:
    terminal = start(program("web"), program("worker"))
    terminal.shows("ready", times=2)
    terminal.send(signal.SIGKILL)
    eventually(lambda: not any(map(is_running, pids(terminal))), "the programs' end")


def test_ctrl_c_reaches_the_supervisor_alone(start: Start) -> None:
    terminal = start(program("web"))
    terminal.shows("ready")
    assert os.getsid(pids(terminal)[0]) != os.getsid(terminal.process.pid)


def test_what_an_ended_program_leaves_running_is_killed(start: Start) -> None:
    forgetful = """
import os, signal
if os.fork() == 0:
    print("ready 1", os.getpid())
    signal.pause()
"""
    terminal = start(program("worker", forgetful))
    terminal.shows("worker has ended (exit code 0)")
    terminal.shows("worker has ended", times=2)
    for pid in pids(terminal)[:1]:
        eventually(lambda pid=pid: not is_running(pid), "the leftover's end")


def test_rolling_restart_has_the_new_process_up_before_the_old_one_goes(start: Start) -> None:
    terminal = start(program("engine"), program("worker"))
    terminal.shows("ready", times=2)
    terminal.send(signal.SIGHUP)
    terminal.shows("rolled")
    words = re.findall(r"(\w+) +\| (ready|bye) (\d)", terminal.text)
    for name in ("engine", "worker"):
        assert [word[1:] for word in words if word[0] == name] == [("ready", "1"), ("ready", "2"), ("bye", "1")]
    assert words.index(("engine", "bye", "1")) < words.index(("worker", "ready", "2"))


def test_what_must_precede_a_rolling_restart_is_done_first_and_may_call_it_off(start: Start, tmp_path: Path) -> None:
    terminal = start(program("web"))
    terminal.shows("ready 1")
    (tmp_path / "refuse").touch()
    terminal.send(signal.SIGHUP)
    terminal.shows("called off: it is refused")
    assert "nothing is restarted: it is refused" in terminal.text
    assert "restarting" not in terminal.text
    assert is_running(pids(terminal)[0])
    (tmp_path / "refuse").unlink()
    terminal.send(signal.SIGHUP)
    terminal.shows("rolled")
    assert re.findall(r"prepared|ready \d|bye \d", terminal.text) == [
        "ready 1",
        "prepared",
        "prepared",
        "ready 2",
        "bye 1",
    ]


def test_program_that_cannot_run_twice_is_stopped_first(start: Start) -> None:
    terminal = start(program("flower", overlaps=False))
    terminal.shows("ready")
    terminal.send(signal.SIGHUP)
    terminal.shows("rolled")
    assert re.findall(r"\| (ready|bye)", terminal.text) == ["ready", "bye", "ready"]
    assert "flower has ended" not in terminal.text


def test_new_process_that_does_not_come_up_leaves_the_old_one_at_work(start: Start) -> None:
    code = "import sys\nif sys.argv[1] == '2': sys.exit(1)\n" + POLITE
    terminal = start(program("web", code))
    terminal.shows("ready 1")
    terminal.send(signal.SIGHUP)
    terminal.shows("the new web has ended (exit code 1); the old one stays")
    terminal.shows("rolled")
    assert is_running(pids(terminal)[0])
    assert "bye" not in terminal.text


def test_output_is_prefixed_on_the_terminal_and_kept_in_files(start: Start, tmp_path: Path) -> None:
    terminal = start(program("web", "print('one'); print('x' * 200_000); print('unended', end='')"))
    terminal.shows("web has ended (exit code 0)")
    assert "web      | one\n" in terminal.text
    assert "web      | unended\n" in terminal.text
    log = (tmp_path / "web.log").read_text()
    assert log.startswith("one\nx")
    assert log.count("x") == 200_000
    assert "web has ended" in (tmp_path / "carillon.log").read_text()


def test_closed_terminal_stops_everything(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    argv = [sys.executable, supervise.__file__, str(tmp_path), json.dumps([program("web")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(argv, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    log = tmp_path / "web.log"
    eventually(lambda: log.exists() and "ready" in log.read_text(), "the program")
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    assert "bye 1" in log.read_text()
