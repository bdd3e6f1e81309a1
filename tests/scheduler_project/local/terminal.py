"""Processes as a person at a terminal sees them: started, read line by line, signalled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scheduler_project.env import ROOT

PATIENCE_SECONDS = 60.0


def eventually(condition: Callable[[], object], what: str = "the condition") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {PATIENCE_SECONDS:g} s"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """False for a zombie too: in a container nobody may collect an orphan's end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def clean_environment() -> dict[str, str]:
    """Ours, without what the test session's own servers and settings have put there."""
    ours = {"DATABASE_URL", "REDIS_URL", "PORT", "FLOWER_PORT", "DJANGO_SETTINGS_MODULE"}
    return {name: text for name, text in os.environ.items() if name not in ours and not name.startswith("CARILLON_")}


class Terminal:
    """A started command and everything it prints."""

    def __init__(self, argv: list[str], env: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            argv, env={**clean_environment(), "PYTHONPATH": str(ROOT), **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def shows(self, text: str, times: int = 1) -> None:
        eventually(lambda: self.text.count(text) >= times or self.process.poll() is not None, f"output {text!r}")
        assert self.text.count(text) >= times, self.text

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self) -> int:
        status = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.ends()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(iter(output.readline, ""))


@contextlib.contextmanager
def terminals() -> Iterator[Callable[..., Terminal]]:
    """Starts ``python <arguments>`` with additions to the environment; all have ended with the block."""
    with contextlib.ExitStack() as on_exit:

        def start(*arguments: str, **env: str) -> Terminal:
            terminal = Terminal([sys.executable, *arguments], env)
            on_exit.callback(terminal.close)
            return terminal

        yield start
