"""Operations and failure groups as JSON."""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

from rest_framework import serializers

from jobs.api.shapes.executions import ExecutionShape, WithDownstream
from jobs.api.shapes.payloads import Guarded
from jobs.failure_groups import Group, Status
from jobs.models import Operation
from jobs.rules import background, canaries
from jobs.rules import operations as rules
from jobs.services import operations, trimming
from tenants.api.fields import Instant, Number, Object, StrictSerializer
from tenants.requests import LONGEST_REASON

STATES = [state.value for state in rules.State]
#: What ``POST /executions/bulk`` does.
ACTIONS = ["cancel", "skip", "replay", "redrive"]

#: What of that runs something.
AGAIN = ["replay", "redrive"]


class PaceInput(StrictSerializer):
    """How fast an operation goes: at least one of these."""

    example: ClassVar[dict[str, Any]] = {"rate_per_second": 5}

    rate_per_second = Number(
        required=False, min_value=rules.SLOWEST, max_value=rules.FASTEST, help_text="Executions a second."
    )
    max_active = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=background.MOST_ACTIVE,
        help_text="Of a backfill or recovery: most of its executions in flight.",
    )


class TrimInput(StrictSerializer):
    """What of a recovery to keep: exactly one of these."""

    example: ClassVar[dict[str, Any]] = {"keep_newest": 1}

    keep_newest = serializers.IntegerField(
        required=False, min_value=1, max_value=trimming.MOST_KEPT, help_text="So many slots of each schedule."
    )
    older_than = serializers.DateTimeField(required=False, help_text="Slots before this instant are left out.")


class AbortInput(StrictSerializer):
    """What becomes of what keeps to its pace and is running."""

    example: ClassVar[dict[str, Any]] = {"cancel_running": True}

    cancel_running = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Ask what a backfill or recovery has started to stop; else that goes on.",
    )


class AskedInput(StrictSerializer):
    """Why, and how fast."""

    example: ClassVar[dict[str, Any]] = {"reason": "the supplier was down"}

    reason = serializers.CharField(
        required=False, default="", max_length=LONGEST_REASON, help_text="For the audit trail; or as X-Audit-Reason."
    )
    rate_per_second = Number(
        required=False,
        min_value=rules.SLOWEST,
        max_value=rules.FASTEST,
        help_text=f"Executions a second; {rules.USUAL:g} if left out.",
    )


class RepeatInput(AskedInput):
    """The same, and what to change."""

    payload = Object(required=False, allow_null=True, help_text="Goes over the former overrides of each.")
    canary = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=canaries.MOST,
        help_text="Run so many first; the rest follows if they succeed.",
    )
    canary_must_succeed = serializers.IntegerField(
        required=False, min_value=1, max_value=canaries.MOST, help_text="How many of those; all if left out."
    )
    with_downstream = WithDownstream()


class BulkInput(RepeatInput):
    """What to do, and to which executions: ``filter``, ``ids``, or ``all``."""

    example = {
        "action": "replay",
        "filter": {"state": ["failed"], "created_at[gte]": "-2h"},
        "reason": "the supplier was down",
    }

    action = serializers.ChoiceField(ACTIONS)
    filter = Object(
        required=False,
        help_text="The filters of `GET /executions`: a text, or a list of texts. An instant may be `-2h`: so long ago.",
    )
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=operations.MOST_IDS)
    all = serializers.BooleanField(required=False, default=False, help_text="Without any filter: every one that fits.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named, narrowed = "ids" in attrs, bool(attrs.get("filter"))
        if named and (narrowed or attrs["all"] or "filter" in attrs):
            raise serializers.ValidationError({"ids": ["give either ids or a filter"]})
        if not named and not narrowed and not attrs["all"]:
            raise serializers.ValidationError({"filter": ["names nothing: give a filter, ids, or all: true"]})
        if attrs["action"] not in AGAIN and attrs.get("payload") is not None:
            raise serializers.ValidationError({"payload": [f"is for {' and '.join(AGAIN)}"]})
        if attrs["action"] not in AGAIN and attrs["with_downstream"]:
            raise serializers.ValidationError({"with_downstream": [f"is for {' and '.join(AGAIN)}"]})
        return attrs


class FailureShape(TypedDict):
    """Why one execution was refused."""

    execution: str
    code: str
    message: str


class CanaryRunShape(TypedDict):
    """One of the first that run again."""

    execution: str
    replay_of: str
    state: str


class CanaryShape(TypedDict):
    """The first few, which decide on the rest. `stage`: starting, waiting, passed, failed or overruled."""

    size: int
    must_succeed: int
    stage: str
    succeeded: int
    unsuccessful: int
    message: str
    runs: list[CanaryRunShape]


class OperationShape(serializers.Serializer[Operation]):
    """Long work over many executions."""

    id = serializers.UUIDField()
    kind = serializers.CharField(
        help_text="cancel, skip, replay, redrive; of failure groups: redrive, discard; of schedules: backfill; the engine's own: recovery."
    )
    state = serializers.ChoiceField(STATES)
    filter = serializers.JSONField(allow_null=True, help_text="As asked, with absolute instants; null with ids.")
    ids = serializers.SerializerMethodField(help_text="How many were named; null with a filter.")
    payload = Guarded()
    with_downstream = serializers.BooleanField(help_text="What it runs starts the jobs that depend on it, too.")
    reason = serializers.CharField()
    rate_per_second = serializers.FloatField()
    max_active = serializers.IntegerField(
        allow_null=True, help_text="Most of its executions in flight; null where it paces none."
    )
    matched = serializers.IntegerField(help_text="How many there were when it was made.")
    matched_is_capped = serializers.BooleanField(help_text="There were more, or not all were counted.")
    made = serializers.IntegerField(help_text="Executions, of a backfill.")
    done = serializers.IntegerField(help_text="Of a backfill: succeeded.")
    failed = serializers.IntegerField(help_text="Refused, one by one; of a backfill: failed. The operation goes on.")
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="How many by reason.")
    failures = serializers.SerializerMethodField(help_text="The first of them.")
    canary = serializers.SerializerMethodField(help_text="The first few that run again and decide on the rest.")
    waiting_on = serializers.SerializerMethodField(
        help_text="TENANT_SUSPENDED, QUOTA_EXCEEDED, JOB_DISABLED or CANARY: it goes on by itself."
    )
    ended_because = serializers.CharField(help_text="Of one that failed, or whose author lost the right to it.")
    created_by = serializers.CharField()
    created_at = Instant()
    paused_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)
    allowed_actions = serializers.SerializerMethodField()

    def get_ids(self, operation: Operation) -> int | None:
        return None if operation.ids is None else len(operation.ids)

    def get_failures(self, operation: Operation) -> list[FailureShape]:
        failures: list[FailureShape] = operation.failures
        return failures

    def get_canary(self, operation: Operation) -> CanaryShape | None:
        canary = canaries.read(operation.canary)
        if canary is None:
            return None
        runs: list[CanaryRunShape] = [
            {"execution": run.execution, "replay_of": run.replay_of, "state": str(run.state)} for run in canary.runs
        ]
        return {
            "size": canary.size, "must_succeed": canary.must_succeed, "stage": str(canary.stage),
            "succeeded": canary.succeeded, "unsuccessful": len(canary.unsuccessful), "message": canary.sentence(), "runs": runs,
        }  # fmt: skip

    def get_waiting_on(self, operation: Operation) -> str | None:
        return operation.waits_for or None

    def get_allowed_actions(self, operation: Operation) -> list[str]:
        return rules.allowed_actions(rules.State(operation.state), operation.kind)


class BulkPreviewShape(serializers.Serializer[Any]):
    """What an operation would be about."""

    dry_run = serializers.BooleanField(help_text="True: nothing is stored.")
    kind = serializers.CharField()
    matched = serializers.IntegerField()
    matched_is_capped = serializers.BooleanField()
    sample = ExecutionShape(many=True, help_text="The first ones.")


class JobOfGroup(TypedDict):
    """A job with executions in a group."""

    id: str
    name: str


class FailureGroupShape(serializers.Serializer[Group]):
    """Failed executions whose errors are of one kind."""

    fingerprint = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField(help_text="Of the newest.")
    count = serializers.IntegerField()
    open = serializers.IntegerField(help_text="How many have an open dead letter.")
    jobs = serializers.SerializerMethodField(help_text="The first of them.")
    job_count = serializers.IntegerField()
    first_seen_at = Instant()
    last_seen_at = Instant()
    sample_execution = serializers.UUIDField(help_text="The newest.")
    status = serializers.ChoiceField(
        [status.value for status in Status], help_text="came_back: it was resolved, and failed so again."
    )
    resolved_at = Instant(allow_null=True, help_text="When somebody last took it for mended; null if nobody did.")
    resolved_by = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True, help_text="Why, in their words.")
    came_back_at = Instant(allow_null=True, help_text="Of the first failure after that.")

    def get_jobs(self, group: Group) -> list[JobOfGroup]:
        return [{"id": str(key), "name": name} for key, name in group.jobs]


class FailureGroupsShape(serializers.Serializer[Any]):
    """Groups of a window, and whether all of its failures were read."""

    data = FailureGroupShape(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: it is one page.")
    read = serializers.IntegerField(help_text="Failed executions that were read, the newest first.")
    capped = serializers.BooleanField(help_text="There may be older ones in the window.")
