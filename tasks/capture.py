"""What a handler prints or logs goes into its execution's log, in order."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from collections.abc import Iterator

from tasks.journal import Journal


class _Lines(io.TextIOBase):
    """A text stream that writes whole lines to a journal."""

    def __init__(self, journal: Journal, stream: str) -> None:
        self._journal = journal
        self._stream = stream
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._journal.write(line, level="info", stream=self._stream)
        return len(text)

    def finish(self) -> None:
        if self._rest:
            self._journal.write(self._rest, level="info", stream=self._stream)
            self._rest = ""


class _Records(logging.Handler):
    """Standard logging, written to a journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.INFO)
        self._journal = journal
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        # The process's own threads log too, and not for the tenant.
        if record.thread != self._thread:
            return
        try:
            self._journal.write(self.format(record), level=record.levelname.lower(), stream="log")
        except Exception:  # noqa: BLE001 - as every handler of standard logging: a bad format string ends nothing
            self.handleError(record)


@contextlib.contextmanager
def captured(journal: Journal) -> Iterator[None]:
    """Prints and log records of this process go to ``journal`` too."""
    out, err, records = _Lines(journal, "stdout"), _Lines(journal, "stderr"), _Records(journal)
    root = logging.getLogger()
    root.addHandler(records)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        root.removeHandler(records)
        out.finish()
        err.finish()
