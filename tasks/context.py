"""What a handler sees while it runs: the runner's side of :class:`jobs.handlers.Context`."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from jobs import connections, selectors
from jobs.attempt_streams import ArtifactWriter, Masking
from jobs.connections import Connection
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.handlers import HandlerError, Json
from tasks import revealing
from tasks.artifacts import Artifacts
from tasks.attendant import Attended
from tasks.journal import Journal
from tasks.patience import patiently
from tenants.rules.quotas import FILE_BYTES

#: Attempts last a day at most.
FOLDER_PREFIX = "carillon-attempt-"


class RunningContext:
    """Of one attempt. Implements the protocol; nothing of it leaves the worker's memory."""

    def __init__(self, claim: Claim, journal: Journal, attended: Attended) -> None:
        self.execution_id = claim.id
        self.attempt = claim.attempt
        self.tenant = claim.tenant
        self._tenant_id = claim.tenant_id
        self.job = claim.job
        self.idempotency_key = str(claim.id)
        self.allowed_hosts: Sequence[str] = tuple(claim.allowed_hosts)
        self.max_file_bytes = FILE_BYTES.limit(claim.max_file_bytes, settings.QUOTAS)
        self.deadline = attended.deadline
        self._attended = attended
        self._journal = journal
        self._folder: Path | None = None
        self._artifacts = Artifacts(claim)

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

    def connection(self, name: str) -> Connection:
        """Read when it is asked for, so that what was rotated meanwhile is in force."""
        until = boot_time() + settings.LEASE.total_seconds()
        found = patiently(lambda: revealing.connection(self._tenant_id, name), until=until)
        if found is None:
            raise HandlerError(f"the secret {name} cannot be read: the database is away")
        self._journal.hide(connections.sensitive(found))
        return found

    def artifact(
        self, name: str, *, content_type: str = "application/octet-stream"
    ) -> contextlib.AbstractContextManager[ArtifactWriter]:
        """A file that is kept with the execution."""
        return self._artifacts.writing(name, content_type)

    def open_artifact(self, reference: Mapping[str, Json], execution_id: UUID | str) -> BinaryIO:
        """Read what an execution of the tenant has left."""
        return self._artifacts.reading(reference, UUID(str(execution_id)))

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
                shutil.rmtree(self._folder, ignore_errors=True)


def sweep_folders(*, older_than: float) -> None:
    """Remove folders of attempts whose process was killed, untouched for so many seconds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            if time.time() - folder.stat().st_mtime > older_than:
                shutil.rmtree(folder, ignore_errors=True)
