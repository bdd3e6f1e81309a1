"""Dead letters as JSON."""

from __future__ import annotations

from rest_framework import serializers

from jobs.api.shapes.executions import ErrorShape, JobReference, error_shape
from jobs.models import DeadLetter, DeadLetterState
from jobs.services import dead_letters
from tenants.api.fields import Instant


class DeadLetterShape(serializers.Serializer[DeadLetter]):
    """An exhausted execution, until somebody decides."""

    id = serializers.UUIDField()
    job = JobReference()
    execution = serializers.UUIDField(source="execution_id")
    error = serializers.SerializerMethodField()
    state = serializers.ChoiceField(DeadLetterState.choices)
    redriven_as = serializers.UUIDField(allow_null=True)
    closed_by = serializers.CharField()
    note = serializers.CharField(help_text="Why it was closed, in the words of who did it.")
    closed_at = Instant(allow_null=True)
    created_at = Instant()
    allowed_actions = serializers.SerializerMethodField()

    def get_error(self, dead_letter: DeadLetter) -> ErrorShape | None:
        return error_shape(dead_letter)

    def get_allowed_actions(self, dead_letter: DeadLetter) -> list[str]:
        return dead_letters.allowed_actions(dead_letter.state)
