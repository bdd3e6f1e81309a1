"""Artifacts as JSON."""

from __future__ import annotations

from rest_framework import serializers

from jobs.models import Artifact, ArtifactState
from tenants.api.fields import Instant


class ArtifactShape(serializers.Serializer[Artifact]):
    """What an execution left behind beside its result; its bytes are at ``/artifacts/{id}/content``."""

    id = serializers.UUIDField()
    execution_id = serializers.UUIDField()
    attempt = serializers.IntegerField()
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    content_type = serializers.CharField(help_text="As the job said.")
    state = serializers.ChoiceField([ArtifactState.KEPT.value, ArtifactState.LOST.value])
    created_at = Instant()
    expires_at = Instant(help_text="Its bytes are gone from then on.")
