"""What executors send and are told, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework import serializers

from jobs.api.shapes.executors import LEASE
from jobs.models import AttemptState
from tasks.executors.claiming import MOST, Claimed
from tasks.executors.reporting import MOST_LINES
from tenants.api.fields import Instant, Number, StrictSerializer

LONGEST_WAIT = 30
_TOKEN = "5.0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"  # noqa: S105 - an example


class ClaimInput(StrictSerializer):
    """How many, and how long to wait for the first."""

    example: ClassVar[dict[str, Any]] = {"lease": "0198c5c0-3f6b-5b1e-9d39-2f0f6a1f0b11", "wait_seconds": 30}

    lease = serializers.UUIDField(help_text=LEASE)
    max = serializers.IntegerField(min_value=1, max_value=MOST, default=1, help_text="Most at once.")
    wait_seconds = Number(
        min_value=0,
        max_value=LONGEST_WAIT,
        default=0,
        help_text="How long to wait for something; then the list is empty.",
    )


class TokenInput(StrictSerializer):
    """Whose claim it is."""

    example: ClassVar[dict[str, Any]] = {"token": _TOKEN}

    token = serializers.CharField(max_length=100, help_text="Of the claim.")


class CompletionInput(TokenInput):
    """That it succeeded."""

    example: ClassVar[dict[str, Any]] = {"token": _TOKEN, "result": {"rows": 1200}}

    result = serializers.JSONField(
        required=False, allow_null=True, default=None, help_text="Any JSON of at most 64 KiB."
    )


class FailureInput(TokenInput):
    """That it failed, and whether trying again may help."""

    example: ClassVar[dict[str, Any]] = {
        "token": _TOKEN,
        "message": "the printer is out of paper",
        "retry_after_seconds": 60,
    }

    message = serializers.CharField(max_length=20_000, trim_whitespace=False, help_text="4,000 characters are kept.")
    code = serializers.RegexField(
        r"^[A-Z][A-Z0-9_]{0,31}$", default="EXECUTION_FAILED", help_text="For retry policies and lists."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=20,
        default=list,
        help_text="For retry_on and no_retry_on.",
    )
    permanent = serializers.BooleanField(default=False, help_text="Trying again cannot help.")
    retry_after_seconds = Number(
        min_value=0, max_value=7 * 86_400, required=False, allow_null=True, default=None, help_text="Not before then."
    )
    result = serializers.JSONField(required=False, allow_null=True, default=None, help_text="Kept although it failed.")


class SentLine(StrictSerializer):
    """A line of the log."""

    message = serializers.CharField(max_length=64 * 1024, allow_blank=True, trim_whitespace=False)
    level = serializers.ChoiceField(["debug", "info", "warning", "error"], default="info")
    stream = serializers.ChoiceField(["handler", "stdout", "stderr", "log"], default="handler")


class LogInput(TokenInput):
    """Some lines, under a number by which they are stored once."""

    example: ClassVar[dict[str, Any]] = {"token": _TOKEN, "chunk": 1, "lines": [{"message": "1,200 rows read"}]}

    chunk = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        help_text="Another for each chunk; a chunk sent again has the same and is stored once.",
    )
    lines = serializers.ListField(child=SentLine(), max_length=MOST_LINES)


class ProgressInput(TokenInput):
    """How far it is."""

    example: ClassVar[dict[str, Any]] = {"token": _TOKEN, "fraction": 0.4, "message": "480 of 1,200 rows"}

    fraction = Number(min_value=0, max_value=1)
    message = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class ClaimedJobShape(serializers.Serializer[Any]):
    """Whose execution it is."""

    id = serializers.UUIDField(source="job_id")
    name = serializers.CharField(source="job")


class ClaimedShape(serializers.Serializer[Claimed]):
    """An execution that the executor holds from now on. Its payload may hold secrets, which are in this answer alone."""

    execution = serializers.UUIDField(source="claim.id")
    attempt = serializers.IntegerField(source="claim.attempt")
    token = serializers.CharField(help_text="Every report of this attempt names it.")
    job = ClaimedJobShape(source="claim")
    tenant = serializers.CharField(source="claim.tenant")
    queue = serializers.CharField(source="claim.queue")
    capabilities = serializers.ListField(child=serializers.CharField(), source="params.capabilities")
    payload = serializers.JSONField(source="params.payload", help_text="The job's payload.payload, rendered.")
    timeout_seconds = serializers.FloatField(source="claim.timeout_seconds")
    deadline = Instant(help_text="When the engine ends it.")
    idempotency_key = serializers.CharField(source="claim.id", help_text="The same for every attempt: hand it on.")
    links = serializers.SerializerMethodField(help_text="Where to report, by the verb.")

    def get_links(self, claimed: Claimed) -> dict[str, str]:
        below = f"/api/v1/executions/{claimed.claim.id}"
        verbs = ("start", "log", "progress", "complete", "fail", "cancelled", "release")
        return {"self": below, **{verb: f"{below}/{verb}" for verb in verbs}}


class ClaimsShape(serializers.Serializer[Any]):
    """What was claimed; empty if there was nothing."""

    data = ClaimedShape(many=True)  # type: ignore[assignment]  # the field of that name


class HeldShape(serializers.Serializer[Any]):
    """How a claim that holds stands."""

    cancel = serializers.BooleanField(
        source="cancelled", help_text="Somebody asked for it: stop, then say `cancelled`."
    )
    seconds_left = serializers.FloatField(help_text="Until the engine ends it.")


class LoggedShape(serializers.Serializer[Any]):
    """What became of the lines."""

    stored = serializers.IntegerField()
    dropped = serializers.IntegerField(help_text="Beyond what an attempt may log.")
    cancel = serializers.BooleanField(
        source="cancelled", help_text="Somebody asked for it: stop, then say `cancelled`."
    )


class OutcomeShape(serializers.Serializer[Any]):
    """How the attempt ended: the same, however often it is asked."""

    execution = serializers.UUIDField(source="execution_id")
    attempt = serializers.IntegerField()
    state = serializers.ChoiceField(AttemptState.choices)
    error_code = serializers.CharField()
    error_message = serializers.CharField()


def claims_shape(found: Sequence[Claimed]) -> dict[str, Any]:
    """The answer to a claim."""
    return {"data": [ClaimedShape(each).data for each in found]}
