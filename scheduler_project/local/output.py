"""What the person at the terminal sees, and the files that keep it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MAX_LOG_BYTES = 20_000_000
NAME_WIDTH = 8


class LogFile:
    """A text file that starts anew when full; the full one stays beside it as ``.1``."""

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file = path.open("a")

    def write(self, line: str) -> None:
        if self._file.tell() > self._max_bytes:
            self.close()
            self.path.replace(self.path.with_suffix(".log.1"))
            self._file = self.path.open("a")
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Output:
    """Lines of many processes: each prefixed on the terminal, and in the log file of its process."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._files: dict[str, LogFile] = {}

    def line(self, name: str, text: str) -> None:
        """One line that the named process has printed."""
        if name not in self._files:
            self._files[name] = LogFile(self._logs / f"{name}.log")
        self._files[name].write(text)
        self.show(f"{name:<{NAME_WIDTH}} | {text}")

    def say(self, text: str) -> None:
        """One line of our own."""
        self.line("carillon", text)

    def show(self, text: str) -> None:
        """Prints for the terminal alone: log-ins and keys stay out of the files."""
        try:
            print(text, flush=True)
        except OSError:
            # The terminal was closed, or the reader of our pipe has gone; the product goes on without.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
