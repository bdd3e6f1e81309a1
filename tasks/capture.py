"""What a handler prints or logs goes into its execution's log, in order.

Which log that is says :mod:`jobs.callables.current`, thread by thread: a fan-out's threads have items' contexts
there, the process's own threads none. What a thread prints that has none belongs to the attempt all the
same, for standard output is the process's; what such a thread logs may be ours and is left out.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from collections.abc import Iterator

from jobs.callables import current
from jobs.handlers import Context


class _Lines(io.TextIOBase):
    """A text stream that writes whole lines, each thread's own."""

    def __init__(self, attempt: Context, stream: str) -> None:
        self._attempt = attempt
        self._stream = stream
        self._rests: dict[tuple[int, int], tuple[Context, str]] = {}

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        context = current.context() or self._attempt
        place = (id(context), threading.get_ident())
        _, before = self._rests.pop(place, (context, ""))
        *lines, rest = (before + text).split("\n")
        if rest:
            self._rests[place] = (context, rest)
        for line in lines:
            context.log(line, stream=self._stream)
        return len(text)

    def finish(self) -> None:
        for context, rest in self._rests.values():
            context.log(rest, stream=self._stream)
        self._rests.clear()


class _Records(logging.Handler):
    """Standard logging of threads that belong to an attempt."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        context = current.context()
        if context is None:
            return
        try:
            context.log(self.format(record), level=record.levelname.lower(), stream="log")
        except Exception:  # noqa: BLE001 - as every handler of standard logging: a bad format string ends nothing
            self.handleError(record)


@contextlib.contextmanager
def captured(context: Context) -> Iterator[None]:
    """Prints and log records of this process go to the attempt's log too, which is the current one here."""
    out, err, records = _Lines(context, "stdout"), _Lines(context, "stderr"), _Records()
    root = logging.getLogger()
    root.addHandler(records)
    try:
        with current.entered(context), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        root.removeHandler(records)
        out.finish()
        err.finish()
