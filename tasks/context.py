"""What a handler sees while it runs: the runner's side of :class:`jobs.handlers.Context`."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from jobs import connections, selectors
from jobs.attempt_streams import ArtifactWriter, Masking
from jobs.connections import Connection
from jobs.engine import approvals, sub_runs
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.handlers import HandlerError, Json, Released, RetryLater, Suspend
from jobs.rules.approvals import Decision, Question
from jobs.rules.sub_runs import Ended, Plan
from tasks import revealing
from tasks.artifacts import Artifacts
from tasks.attendant import Attended
from tasks.bookmarks import Bookmarks
from tasks.journal import Journal
from tasks.patience import patiently
from tasks.sandbox import removal
from tenants.rules.quotas import FILE_BYTES

#: Attempts last a day at most.
FOLDER_PREFIX = "carillon-attempt-"
#: At the latest, if nobody woke it: its children do, as they end.
LOOK_AGAIN = timedelta(minutes=15)
AWAY = timedelta(seconds=10)


class RunningContext:
    """Of one attempt. Implements the protocol; nothing of it leaves the worker's memory."""

    def __init__(self, claim: Claim, journal: Journal, attended: Attended) -> None:
        self._claim = claim
        self.execution_id = claim.id
        self.attempt = claim.attempt
        self.tenant = claim.tenant
        self._tenant_id = claim.tenant_id
        self._epoch = claim.epoch
        self.job = claim.job
        self.idempotency_key = str(claim.id)
        self.allowed_hosts: Sequence[str] = tuple(claim.allowed_hosts)
        self.max_file_bytes = FILE_BYTES.limit(claim.max_file_bytes, settings.QUOTAS)
        self.deadline = attended.deadline
        self._attended = attended
        self._journal = journal
        self._folder: Path | None = None
        self._artifacts = Artifacts(claim)
        self._bookmarks = Bookmarks(claim)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - boot_time()

    @property
    def cancelled(self) -> bool:
        """Whether the attempt must stop. In a process the handler is interrupted as well."""
        return self._attended.interruption is not None

    @property
    def ending(self) -> bool:
        """Whether it is asked to come to an end by itself."""
        return self._attended.is_ending

    def raising_softly(self) -> contextlib.AbstractContextManager[None]:
        """In this block that is raised."""
        return self._attended.raising_softly()

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        """Append to the execution's log."""
        self._journal.write(message, level=level, stream=stream)

    def masking(self) -> Masking:
        """For output that is cut before it is logged."""
        return self._journal.masker.stream()

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress, as a line of the log."""
        self._journal.write(f"{min(max(fraction, 0), 1):.0%} {message}".rstrip(), level="info", stream="progress")

    def earlier_result(self) -> Json:
        """Of an attempt before this one, read when it is asked for."""
        if self.attempt == 1:
            return None
        until = boot_time() + settings.LEASE.total_seconds()
        return patiently(lambda: selectors.earlier_result(self.execution_id), until=until)

    def bookmark(self, name: str) -> Json:
        """Of the job, read when it is asked for."""
        return self._bookmarks.read(name)

    def keep_bookmark(self, name: str, value: Json) -> None:
        """For the attempts and executions after this one."""
        self._bookmarks.move(name, value)

    def kept(self) -> Json:
        """Of an earlier claim, read when it is asked for; Released while that cannot be known."""
        if self._epoch == 1:
            return None
        until = boot_time() + settings.LEASE.total_seconds()
        found = patiently(lambda: [selectors.kept(self.execution_id)], until=until)
        if found is None:
            raise Released
        return found[0]

    def hide(self, secrets: Iterable[str]) -> None:
        """From the journal, the result and the error."""
        self._journal.hide(secrets)

    def connection(self, name: str) -> Connection:
        """Read when it is asked for, so that what was rotated meanwhile is in force."""
        until = boot_time() + settings.LEASE.total_seconds()
        found = patiently(lambda: revealing.connection(self._tenant_id, name), until=until)
        if found is None:
            raise HandlerError(f"the secret {name} cannot be read: the database is away")
        self._journal.hide(connections.sensitive(found))
        return found

    def ask(self, question: Question) -> Decision:
        """Asked once, and looked at whenever it goes on."""
        until = boot_time() + settings.LEASE.total_seconds()
        found = patiently(lambda: approvals.ask(self.execution_id, question), until=until)
        if found is None:
            raise RetryLater("the decision cannot be looked at: the database is away", delay=AWAY)
        return approvals.decision_of(found)

    def artifact(
        self, name: str, *, content_type: str = "application/octet-stream"
    ) -> contextlib.AbstractContextManager[ArtifactWriter]:
        """A file that is kept with the execution."""
        return self._artifacts.writing(name, content_type)

    def open_artifact(self, reference: Mapping[str, Json], execution_id: UUID | str) -> BinaryIO:
        """Read what an execution of the tenant has left."""
        return self._artifacts.reading(reference, UUID(str(execution_id)))

    def children(self, plan: Plan) -> Ended:
        """How they have ended; suspended until then. While the database is away this waits, and then is given back."""
        done = patiently(
            lambda: [sub_runs.ended(self._claim, plan)], until=boot_time() + settings.LEASE.total_seconds()
        )
        if done is None:
            raise Released
        if done[0] is None:
            self._journal.write("waiting for its children", level="info", stream="carillon")
            raise Suspend(LOOK_AGAIN)
        return done[0]

    def folder(self) -> Path:
        """A private temporary folder, made at the first call."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        return self._folder

    @contextlib.contextmanager
    def cleaned_up(self) -> Iterator[None]:
        """Remove the folder at the end of the block."""
        try:
            yield
        finally:
            if self._folder is not None:
                removal.remove(self._folder)


def sweep_folders(*, older_than: float) -> None:
    """Remove folders of attempts whose process was killed, untouched for so many seconds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            if time.time() - folder.stat().st_mtime > older_than:
                removal.remove(folder)
