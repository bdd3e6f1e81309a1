"""A command's output on its way to the execution's log, and the result found in it.

Lines are logged as they come, to the 10 MiB a log may have; what is beyond is read and dropped, but
still searched for the result. Memory stays below the longest line a result may have. Output beyond the
script's own limit ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobs.handlers import Context, HandlerError, Json
from jobs.rules.codes import Failure
from tasks import foreign

PIECE_BYTES = 8 * 1024
LONGEST_LINE_BYTES = 64 * 1024
LOGGED_BYTES = 10 * 1024 * 1024
MARK = b"::result "
#: Lines in which there may be a result.
CANDIDATE = re.compile(rb"^(?:::result |[{\[]).*$", re.MULTILINE)
#: Kept of the end of stderr.
TAIL_BYTES = 4 * 1024


class Output:
    """Takes chunks of stdout and stderr, ``most`` bytes in all. After :meth:`close`, ``result`` and ``dropped`` (bytes)
    are final; ``tail`` is the end of stderr."""

    def __init__(self, context: Context, most: int | None = None) -> None:
        self.dropped = 0
        self.tail = b""
        self._most = most
        self._fed = 0
        self._context = context
        self._logged = 0
        self._masked = {"stdout": context.masking(), "stderr": context.masking()}
        self._unfinished = {"stdout": b"", "stderr": b""}
        self._marked: Json = None
        self._last_json: Json = None

    @property
    def result(self) -> Json:
        """What the last ``::result`` line says, else the last line of stdout that is a JSON object or array."""
        return self._last_json if self._marked is None else self._marked

    def feed(self, stream: str, data: bytes) -> None:
        """Take the next of it. Raises once when it is too much; what comes after that is ignored."""
        before, self._fed = self._fed, self._fed + len(data)
        if self._most is not None and self._fed > self._most:
            if before <= self._most:
                raise HandlerError(
                    f"limit exceeded: output_mb, it has written more than {self._most // 1024**2} MiB",
                    code=Failure.RESOURCE_LIMIT,
                    tags={"limit:output_mb"},
                )
            return
        if stream == "stderr":
            self.tail = (self.tail + data)[-TAIL_BYTES:]
        self._take(stream, self._masked[stream].feed(data))

    def _take(self, stream: str, data: bytes) -> None:
        if self.dropped:
            data = self._drop(stream, data)
        *lines, rest = (self._unfinished[stream] + data).split(b"\n")
        for line in lines:
            self._line(stream, line)
        if len(rest) > LONGEST_LINE_BYTES:
            self._line(stream, rest)
            rest = b""
        self._unfinished[stream] = rest

    def _drop(self, stream: str, data: bytes) -> bytes:
        """Whole lines that nobody logs any more, searched all at once; what is left of the data is returned."""
        whole, newline, rest = (self._unfinished[stream] + data).rpartition(b"\n")
        self._unfinished[stream] = b""
        self.dropped += len(whole) + len(newline)
        if stream == "stdout":
            for found in CANDIDATE.findall(whole):
                self._look_for_result(found.removesuffix(b"\r"))
        return rest

    def close(self) -> None:
        """Log what never got its newline."""
        for stream, masked in self._masked.items():
            self._take(stream, masked.close())
        for stream, rest in self._unfinished.items():
            if rest:
                self._unfinished[stream] = b""
                self._line(stream, rest)

    def _line(self, stream: str, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if stream == "stdout":
            self._look_for_result(line)
        if self.dropped or self._logged + len(line) > LOGGED_BYTES:
            if not self.dropped:
                self._context.log(
                    f"output truncated after {LOGGED_BYTES // 1024**2} MiB: the rest is dropped", level="warning"
                )
            self.dropped += len(line) + 1
            return
        self._logged += len(line) + 1
        for piece in _pieces(line):
            self._context.log(foreign.text(piece), stream=stream)

    def _look_for_result(self, line: bytes) -> None:
        marked = line.startswith(MARK)
        if not marked and line[:1] not in (b"{", b"["):
            return
        try:
            value = foreign.value(line.removeprefix(MARK))
        except ValueError as error:
            if marked:
                self._context.log(f"this ::result line is ignored, it is no usable JSON: {error}", level="warning")
            return
        if marked:
            self._marked = value
        else:
            self._last_json = value


def _pieces(line: bytes) -> Iterator[bytes]:
    """Cut a long line, but never inside a character."""
    while len(line) > PIECE_BYTES:
        cut = PIECE_BYTES
        while cut > PIECE_BYTES - 4 and line[cut] & 0b1100_0000 == 0b1000_0000:
            cut -= 1
        yield line[:cut]
        line = line[cut:]
    yield line
