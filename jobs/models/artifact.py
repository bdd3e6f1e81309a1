"""What executions left behind beside their result."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tenants.models.owned import TenantOwned


class ArtifactState(models.TextChoices):
    """What became of it. A deleted one's row stays until its bytes are gone."""

    KEPT = "kept"
    LOST = "lost"
    DELETED = "deleted"


class Artifact(TenantOwned):
    """Bytes in the store of :mod:`jobs.artifacts`, under a key that nobody has chosen."""

    execution_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=120)
    key = models.UUIDField(unique=True)
    state = models.CharField(max_length=16, choices=ArtifactState, default=ArtifactState.KEPT)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "artifact"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ArtifactState.values), name="artifact_state_known"),
            models.UniqueConstraint(
                fields=["execution_id", "name"], condition=~Q(state="deleted"), name="artifact_once"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="artifact_expiry"),
            models.Index(fields=["tenant"], include=["bytes"], condition=Q(state="kept"), name="artifact_room"),
            # How long each stays, to find those that would stay too long.
            models.Index(
                F("tenant"), F("expires_at") - F("created_at"), condition=~Q(state="deleted"), name="artifact_length"
            ),
        ]
