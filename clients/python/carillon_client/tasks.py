"""An execution that an executor holds, as its work sees it."""

from __future__ import annotations

import threading
from typing import Any

from carillon_client.plain_http import Http, Refused

LINES_AT_ONCE = 500


class Failed(Exception):
    """Raise it in the work to fail with a code of your own, for good, or not before some seconds."""

    def __init__(
        self, message: str, *, code: str = "EXECUTION_FAILED", permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after


class Task:
    """One execution that is held. Its work reads :attr:`payload`, and looks at :attr:`cancelled` now and then."""

    def __init__(self, http: Http, claimed: Any) -> None:
        self.execution: str = claimed["execution"]
        self.attempt: int = claimed["attempt"]
        self.payload: Any = claimed["payload"]
        #: The same for every attempt: hand it to whatever you call.
        self.idempotency_key: str = claimed["idempotency_key"]
        self.claimed = claimed
        self._http = http
        self._token: str = claimed["token"]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._lines: list[dict[str, str]] = []
        self._chunk = 0
        #: Not ours any more: nothing is reported.
        self.lost = False
        #: Somebody asked for it to be cancelled.
        self.cancel_requested = False

    @property
    def cancelled(self) -> bool:
        """True once it must stop."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past the wish to stop; whether there is one."""
        return self._stopping.wait(seconds)

    def log(self, message: str, *, level: str = "info") -> None:
        """Append to the execution's log, within half a second."""
        text = message.replace("\x00", "\ufffd").encode(errors="replace").decode()[:8192]
        with self._lock:
            self._lines.append({"message": text, "level": level})

    def progress(self, fraction: float, message: str = "") -> None:
        """How far it is, from 0 to 1; it stands in the log behind all that was logged before."""
        self.flush()
        self._report("progress", fraction=fraction, message=message)

    def cancel(self) -> None:
        """Somebody asked for that."""
        self.cancel_requested = True
        self._stopping.set()

    def lose(self) -> None:
        """It is not ours any more."""
        self.lost = True
        self._stopping.set()

    def give_up(self) -> None:
        """The process ends: it is given back if the work stops soon."""
        self._stopping.set()

    def flush(self) -> None:
        """Send what was logged. A chunk keeps its number until it is stored, so it is stored once."""
        with self._sending:
            while not self.lost and (lines := self._next()):
                told = self._report("log", chunk=self._chunk, lines=lines)
                with self._lock:
                    del self._lines[: len(lines)]
                self._chunk += 1
                if told and told["cancel"]:
                    self.cancel()

    def end(self, verb: str, **body: Any) -> None:
        """Say how it ended, after all that it logged. It may be said again, so it is said until it is heard."""
        self.flush()
        self._report(verb, patience=120.0, **body)

    def _next(self) -> list[dict[str, str]]:
        with self._lock:
            return self._lines[:LINES_AT_ONCE]

    def _report(self, verb: str, *, patience: float = 20.0, **body: Any) -> Any:
        if self.lost:
            return None
        try:
            return self._http.post(
                f"executions/{self.execution}/{verb}", {"token": self._token, **body}, patience=patience
            )
        except Refused as refusal:
            if refusal.status not in (404, 409):
                raise
            self.lose()
            return None
