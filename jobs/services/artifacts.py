"""What a user may do with what executions left."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from jobs.models import Artifact, ArtifactState
from tenants import actors
from tenants.services import audit


def delete(*, artifact: Artifact) -> None:
    """Nobody sees it any more; its bytes go with the next housekeeping."""
    with transaction.atomic():
        actors.require("executions:run", tenant=artifact.tenant_id)
        changed = Artifact.objects.filter(pk=artifact.pk).exclude(state=ArtifactState.DELETED)
        if changed.update(state=ArtifactState.DELETED, expires_at=timezone.now()):
            audit.record(
                action="artifact.deleted",
                object_type="artifact",
                object_id=artifact.pk,
                tenant=artifact.tenant,
                changes={"name": [artifact.name, None], "execution_id": [str(artifact.execution_id), None]},
            )
