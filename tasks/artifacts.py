"""Artifacts of one attempt: written to the store, then told in a row, as long as the claim holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from jobs import artifacts, sql
from jobs.artifacts.contract import Store
from jobs.artifacts.writing import ArtifactFile
from jobs.engine.leases import boot_time
from jobs.engine.records import Claim
from jobs.handlers import HandlerError, Json, LeaseLost, PermanentFailure
from jobs.rules import artifacts as rules
from jobs.rules.codes import Failure
from tasks.patience import patiently
from tenants.fields import new_id
from tenants.rules import quotas
from tenants.rules.quotas import ARTIFACT_BYTES

T = TypeVar("T")


class Artifacts:
    """What the attempt of a claim writes and reads."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    @contextlib.contextmanager
    def writing(self, name: str, content_type: str) -> Iterator[ArtifactFile]:
        """A file that is kept if the block ends without an error."""
        try:
            rules.check(name, content_type)
        except rules.BadArtifact as error:
            raise PermanentFailure(str(error), code=Failure.CONFIG_INVALID) from None
        terms = _told(lambda: self._terms(name))
        store, key = artifacts.store(), uuid4()
        sink = store.create(key)
        most = min(settings.MAX_ARTIFACT_BYTES, settings.MAX_ARTIFACT_BYTES if terms.room is None else terms.room)
        file = ArtifactFile(sink, name=name, content_type=content_type, most=most)
        try:
            yield file
            sink.finish()
        except BaseException:
            sink.abandon()
            raise
        self._keep(store, key, file)

    def reading(self, reference: Mapping[str, Json], execution_id: UUID) -> BinaryIO:
        """One that an execution of the same tenant has left."""
        name = str(reference.get("artifact", ""))
        asked = {"tenant_id": self._claim.tenant_id, "execution_id": execution_id, "name": name}
        found = _told(lambda: sql.run("find_artifact", **asked))
        row = found[0] if found else None
        if row is None or row.state != "kept" or not row.current:
            raise HandlerError(f"the artifact {name} of the execution {execution_id} is not there any more")
        if reference.get("sha256", row.sha256) != row.sha256:
            raise HandlerError(f"the artifact {name} of the execution {execution_id} is not the one that was meant")
        try:
            return artifacts.store().open(row.key)
        except OSError as error:
            raise HandlerError(f"the artifact {name} of the execution {execution_id} cannot be read: {error}") from None

    def _keep(self, store: Store, key: UUID, file: ArtifactFile) -> None:
        """From the first statement on the row may be there whatever is raised: its bytes stay, and the sweep decides."""
        try:
            replaced = _told(lambda: self._record(key, file))
        except Away:
            raise
        except (HandlerError, LeaseLost):
            store.delete(key)
            raise
        for former in replaced:
            with contextlib.suppress(OSError):  # the sweep does it
                store.delete(former)

    def _record(self, key: UUID, file: ArtifactFile) -> list[UUID]:
        """Make the row; returns the keys of those it replaces."""
        claim = self._claim
        with transaction.atomic():
            if sql.run("artifact_known", key=key):
                return []  # it was made, and only the answer got lost
            sql.run("lock_quota", quota=ARTIFACT_BYTES.name, tenant_id=str(claim.tenant_id))
            terms = self._terms(file.artifact)
            terms.check(file.bytes)
            replaced = sql.run("replace_artifact", execution_id=claim.id, name=file.artifact)
            if sql.run("count_artifacts", execution_id=claim.id)[0].total >= rules.MOST_OF_ONE:
                message = f"an execution may leave {rules.MOST_OF_ONE} artifacts, and this one has as many"
                raise PermanentFailure(message, code=Failure.RESOURCE_LIMIT)
            made = sql.run(
                "keep_artifact",
                id=new_id(),
                execution_id=claim.id,
                epoch=claim.epoch,
                name=file.artifact,
                bytes=file.bytes,
                sha256=file.sha256,
                content_type=file.content_type,
                key=key,
                kept=terms.kept,
            )
            if not made:
                raise LeaseLost
        return [row.key for row in replaced]

    def _terms(self, name: str) -> Terms:
        tenant_id = self._claim.tenant_id
        row = sql.run("artifact_terms", tenant_id=tenant_id, execution_id=self._claim.id, name=name)[0]
        limit = ARTIFACT_BYTES.limit(row.max_artifact_bytes, settings.QUOTAS)
        # Who has no limit counts nothing.
        used = sql.run("count_artifact_bytes", tenant_id=tenant_id)[0].used - row.replaced if limit is not None else 0
        days = (row.artifact_days, row.retention_days)
        kept = rules.kept(*days, artifacts=settings.ARTIFACT_RETENTION, executions=settings.RETENTION)
        return Terms(limit, used, kept)


class Away(HandlerError):
    """Nobody knows whether a row was made."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the next artifact of a tenant."""

    limit: int | None
    used: int
    kept: timedelta

    @property
    def room(self) -> int | None:
        """Bytes that it may have; None for any number."""
        return None if self.limit is None else max(self.limit - self.used, 0)

    def check(self, wanted: int) -> None:
        """Refuse what is beyond the quota: others may have written meanwhile."""
        if self.limit is not None and self.used + wanted > self.limit:
            message = quotas.refusal(ARTIFACT_BYTES, self.limit, self.used, wanted)
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT)


def _told(ask: Callable[[], T]) -> T:
    """What the database says, as long as the claim may wait for it."""
    found = patiently(ask, until=boot_time() + settings.LEASE.total_seconds())
    if found is None:
        raise Away("the database is away, where artifacts are told of")
    return found
