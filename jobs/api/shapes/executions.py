"""Executions, attempts and log lines as JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypedDict

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs import upstreams, waits
from jobs.api.shapes.payloads import Guarded
from jobs.models import Attempt, AttemptState, Execution, Job, TriggerKind
from jobs.rules import codes, states
from jobs.rules.waiting import Waiting
from jobs.upstreams import Children
from tenants.api.fields import Instant, Object, StrictSerializer
from tenants.requests import LONGEST_REASON

MOST_IN_A_BATCH = 500
STATES = [state.value for state in states.State]


class TriggerInput(StrictSerializer):
    """A wish to run a job."""

    example: ClassVar[dict[str, Any]] = {"payload": {"result": "of today"}}

    payload = Object(
        required=False, allow_null=True, help_text="Overrides the job's, key by key. A {{ in it is literal."
    )
    run_at = Instant(required=False, allow_null=True, help_text="Now if left out; at most 90 days ahead.")
    dedup_key = serializers.CharField(
        max_length=200, required=False, allow_null=True,
        help_text="Requests with the same key make one execution of the job. The job's own key if left out.",
    )  # fmt: skip


class NewExecutionInput(TriggerInput):
    """A wish to run the job that is named."""

    example: ClassVar[dict[str, Any]] = {"job": "nightly dummy", "payload": {"result": "of today"}}

    job = serializers.CharField(max_length=200, help_text="Id or name.")


class ExecutionsInput(StrictSerializer):
    """Wishes to run jobs: all of them, or none."""

    example = {"executions": [{"job": "nightly dummy"}, {"job": "nightly dummy", "run_at": "2026-01-31T09:00:00Z"}]}

    executions = serializers.ListField(child=NewExecutionInput(), min_length=1, max_length=MOST_IN_A_BATCH)


class WithDownstream(serializers.BooleanField):
    """Whether what runs again starts what comes after it."""

    def __init__(self, **options: Any) -> None:
        told = {"required": False, "default": False, "help_text": "Start the jobs that depend on it, too."}
        super().__init__(**{**told, **options})


class ReplayInput(StrictSerializer):
    """What to change for the next run."""

    example: ClassVar[dict[str, Any]] = {"payload": {"result": "of yesterday"}}

    payload = Object(required=False, allow_null=True, help_text="Goes over the former overrides. Data, as they are.")
    with_downstream = WithDownstream()


class SkipInput(StrictSerializer):
    """Why it will not run."""

    example: ClassVar[dict[str, Any]] = {"reason": "the customer sent the file by hand"}

    reason = serializers.CharField(
        required=False, default="", max_length=LONGEST_REASON, help_text="Kept with it; or as X-Audit-Reason."
    )


class JobReference(serializers.Serializer[Job]):
    """Whose it is."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()


class ErrorShape(TypedDict):
    """Why something failed. The fingerprint is equal for errors of one kind."""

    code: str
    message: str
    fingerprint: str


class AttemptErrorShape(TypedDict):
    """Why an attempt failed."""

    code: str
    message: str


class _Failed(Protocol):
    error_code: str
    error_message: str
    error_fingerprint: str


def error_shape(row: _Failed) -> ErrorShape | None:
    """None if nothing went wrong."""
    if not row.error_code:
        return None
    return {"code": row.error_code, "message": row.error_message, "fingerprint": row.error_fingerprint}


class EffectivePayload(Guarded):
    """The revision's payload with the execution's overrides over it: what the handler gets, but for expressions."""

    def get_attribute(self, instance: Any) -> Any:
        if not self.may_be_seen():
            return None
        return {**(instance.revision_payload or {}), **(instance.payload or {})}


class ExecutionShape(serializers.Serializer[Execution]):
    """One run: planned, under way or ended."""

    id = serializers.UUIDField()
    job = JobReference()
    schedule = serializers.UUIDField(source="schedule_id", allow_null=True)
    operation = serializers.UUIDField(
        source="operation_id", allow_null=True, help_text="The backfill or recovery whose pace it keeps to."
    )
    trigger = serializers.ChoiceField(TriggerKind.choices)
    triggered_by = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    reason = serializers.CharField(help_text="Why it was skipped.")
    ended_because = serializers.CharField(help_text="Of SKIPPED_BY_HAND: why, in the words of who skipped it.")
    scheduled_for = Instant(allow_null=True)
    folded_until = Instant(allow_null=True, help_text="Last slot of a row that stands for many.")
    folded_count = serializers.IntegerField(allow_null=True)
    created_at = Instant()
    queued_at = Instant(allow_null=True)
    started_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)
    duration_seconds = serializers.SerializerMethodField(
        help_text="Of the last attempt, from its first start: with the times it was suspended or put off."
    )
    wait_seconds = serializers.SerializerMethodField(
        help_text="From when the last attempt was due until it started; null once that was suspended or put off."
    )
    attempt = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    priority = serializers.IntegerField()
    queue = serializers.CharField(source="queue_id")
    worker = serializers.CharField(source="worker_name", allow_null=True)
    payload = EffectivePayload()
    event = Guarded(help_text="The event that started it, or the one that it replays.")
    result = Guarded()
    error = serializers.SerializerMethodField()
    replay_of = serializers.UUIDField(allow_null=True)
    workflow_run = serializers.UUIDField(
        source="workflow_run_id", allow_null=True, help_text="The workflow run that it is a step of."
    )
    step = serializers.CharField(help_text="Its name in that run; empty if it is no step of one.")
    revision = serializers.IntegerField()
    crashes = serializers.IntegerField()
    concurrency_key = Guarded()
    dedup_key = Guarded()
    waiting_on = serializers.SerializerMethodField(
        help_text="What a parked one waits for: JOB_CAP, KEY_CAP, RATE_LIMIT, OVERLAP or JOB_DISABLED."
    )
    cancel_requested_at = Instant(allow_null=True)
    idempotency_key = serializers.CharField(source="id", help_text="The same for every attempt.")
    allowed_actions = serializers.SerializerMethodField()

    def get_duration_seconds(self, execution: Execution) -> float | None:
        if execution.started_at is None or execution.finished_at is None:
            return None
        return (execution.finished_at - execution.started_at).total_seconds()

    def get_wait_seconds(self, execution: Execution) -> float | None:
        # While a retry waits, the start is the former attempt's and says nothing about this one. What went on later is due
        # since then, not since its first start.
        if execution.started_at is None or execution.started_at < execution.not_before:
            return None
        return (execution.started_at - execution.not_before).total_seconds()

    def get_error(self, execution: Execution) -> ErrorShape | None:
        return error_shape(execution)

    def get_waiting_on(self, execution: Execution) -> str | None:
        return codes.wait_of(execution.waiting_on)

    def get_allowed_actions(self, execution: Execution) -> list[str]:
        is_slot = execution.schedule_id is not None
        return list(states.allowed_actions(states.State(execution.state), is_slot=is_slot))


class TriggeredShape(ExecutionShape):
    """What was asked for, or what another request with its key has asked for already."""

    deduplicated = serializers.BooleanField(
        help_text="Whether it was there, by the deduplication key, and nothing was made."
    )


class WaitingShape(serializers.Serializer[Waiting]):
    """Why an execution has not started yet."""

    code = serializers.ChoiceField([code.value for code in codes.Wait])
    until = Instant(allow_null=True, help_text="When the clock alone ends that.")
    ahead = serializers.IntegerField(
        allow_null=True, help_text=f"How many of the tenant's go before it; counted up to {waits.MOST_AHEAD}."
    )


class ChildrenShape(serializers.Serializer[Children]):
    """The executions that one runs as its own."""

    workflow_run = serializers.UUIDField(source="run", help_text="Whose steps they are.")
    total = serializers.IntegerField()
    unfinished = serializers.IntegerField()


class OneExecutionShape(ExecutionShape):
    """One run, with what it waits for."""

    children = serializers.SerializerMethodField(help_text="Of a job of type workflow or map; null if it has none.")
    waiting_for = serializers.SerializerMethodField(help_text="Null once it has started.")

    @extend_schema_field(WaitingShape(allow_null=True))
    def get_waiting_for(self, execution: Execution) -> Any:
        found = waits.waiting_for(execution)
        return None if found is None else WaitingShape(found).data

    @extend_schema_field(ChildrenShape(allow_null=True))
    def get_children(self, execution: Execution) -> Any:
        found = upstreams.children(execution)
        return None if found is None else ChildrenShape(found).data


class AttemptShape(serializers.Serializer[Attempt]):
    """One try by one worker."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(AttemptState.choices)
    worker = serializers.CharField()
    started_at = Instant()
    finished_at = Instant(allow_null=True)
    error = serializers.SerializerMethodField()

    def get_error(self, attempt: Attempt) -> AttemptErrorShape | None:
        if not attempt.error_code:
            return None
        return {"code": attempt.error_code, "message": attempt.error_message}


class StateChangeShape(serializers.Serializer[dict[str, Any]]):
    """An execution's state from an instant on. What does not belong to it is null."""

    id = serializers.CharField(help_text="What comes after it: `after` here and at `/stream`.")
    state = serializers.ChoiceField(STATES)
    at = Instant(allow_null=True)
    attempt = serializers.IntegerField()
    scheduled_for = Instant(allow_null=True, help_text="Of the first state of a slot.")
    worker = serializers.CharField(allow_null=True, help_text="Of `running`.")
    ended = serializers.CharField(allow_null=True, help_text="How the attempt before ended, in the words of attempts.")
    again_at = Instant(allow_null=True, help_text="When it is tried again.")
    reason = serializers.CharField(allow_null=True, help_text="Of the last state; empty without one.")
    error = serializers.DictField(child=serializers.CharField(), allow_null=True, help_text="`code` and `message`.")


class LogLineShape(serializers.Serializer[dict[str, Any]]):
    """One line of an execution's log."""

    seq = serializers.IntegerField()
    attempt = serializers.IntegerField()
    at = serializers.DateTimeField()
    level = serializers.CharField()
    stream = serializers.CharField(help_text="handler, stdout or stderr.")
    message = serializers.CharField()
