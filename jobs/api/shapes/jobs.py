"""Jobs as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.api.shapes import job_unions  # noqa: F401 - describes these
from jobs.api.shapes.dependencies import DependsOnInput, DependsOnShape
from jobs.api.shapes.payloads import Guarded
from jobs.api.shapes.rates import RateInput
from jobs.api.shapes.schedules import Page, ScheduleInput, ScheduleShape
from jobs.api.shapes.throttles import ThrottleShape, throttle_shape
from jobs.connections import channels
from jobs.models import Duplicate, Job, JobRevision, JobState, Overlap
from jobs.rules import retry_fields
from jobs.rules.retries import RetryRule
from jobs.services import channel_checks, dependency_sets, job_states
from tenants.api.fields import Instant, Number, Object, Patch, StrictSerializer
from tenants.rules import rates

MOST_IN_A_BATCH = 100
#: That a declaration names; more are added one by one.
MOST_UPSTREAMS = 100


class JobChanges(Patch, RateInput):
    """All that may be said of a job, here to change some of it. Objects are merged; null is the default, or removes a key."""

    example = {"priority": 7, "payload": {"result": None}}

    name = serializers.CharField(max_length=200)
    type = serializers.CharField(max_length=64, help_text="See /job-types.")
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    category = serializers.CharField(max_length=64, required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=64), max_length=20, required=False)
    payload = Object(required=False, help_text="As the job type's schema says; any string may hold {{ expressions }}.")
    queue = serializers.CharField(max_length=63, required=False)
    priority = serializers.IntegerField(min_value=0, max_value=9, required=False, help_text="9 goes first.")
    timeout_seconds = Number(min_value=0.1, max_value=86_400, required=False)
    soft_timeout_seconds = Number(
        min_value=0.1,
        max_value=86_400,
        required=False,
        allow_null=True,
        help_text="When an attempt is asked to come to an end by itself; timeout_seconds ends it.",
    )
    max_wait_seconds = Number(
        min_value=1,
        max_value=30 * 86_400,
        required=False,
        allow_null=True,
        help_text="Longest wait from when it is due to its first start; then it does not run any more.",
    )
    max_total_seconds = Number(
        min_value=1,
        max_value=30 * 86_400,
        required=False,
        allow_null=True,
        help_text="Longest time from its first start to its end, over all attempts and the pauses between them.",
    )
    pause_after_failures = serializers.IntegerField(
        min_value=1,
        max_value=1000,
        required=False,
        allow_null=True,
        help_text="Executions that fail one after another before the job is paused by itself.",
    )
    on_failure = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=channel_checks.MOST,
        required=False,
        help_text="Channels that are told when an execution has failed for good: names of secrets of kind "
        f"{', '.join(channels.KINDS)}.",
    )
    on_success = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=channel_checks.MOST,
        required=False,
        help_text="Channels that are told when an execution has succeeded.",
    )
    max_running = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True)
    concurrency_key = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Executions of the tenant with the same key share max_running_per_key; {field} stands for the payload's.",
    )
    max_running_per_key = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    key_rate_limit = serializers.CharField(
        max_length=16,
        required=False,
        allow_blank=True,
        help_text="Most starts of executions with the same concurrency key per s, m, h or d, such as 100/m.",
    )
    key_rate_burst = serializers.IntegerField(min_value=1, max_value=rates.MOST, required=False, allow_null=True)
    dedup_key = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Requests with the same key make one execution; {field} stands for the payload's.",
    )
    dedup_seconds = Number(
        min_value=1,
        max_value=30 * 86_400,
        required=False,
        allow_null=True,
        help_text="How long a key is taken from its request on; null: while its execution has not ended.",
    )
    dedup_conflict = serializers.ChoiceField(
        Duplicate.choices, required=False, help_text="What becomes of a request whose key is taken."
    )
    overlap = serializers.ChoiceField(Overlap.choices, required=False)
    retry = Object(required=False)
    owner = serializers.CharField(max_length=254, required=False, allow_blank=True)
    depends_on = serializers.ListField(
        child=DependsOnInput(),
        max_length=MOST_UPSTREAMS,
        required=False,
        help_text="All the jobs that come before this one; left out, they stay.",
    )


class JobInput(JobChanges):
    """A job to be, with its schedules."""

    schedules = serializers.ListField(child=ScheduleInput(), required=False, max_length=50)


class JobsInput(StrictSerializer):
    """Jobs to be: all of them, or none."""

    example = {"jobs": [{"name": "first of two", "type": "dummy"}, {"name": "second of two", "type": "dummy"}]}

    jobs = serializers.ListField(child=JobInput(), min_length=1, max_length=MOST_IN_A_BATCH)


class JobShape(serializers.Serializer[Job]):
    """A job as it is stored."""

    class Meta:
        list_serializer_class = Page

    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    tags = serializers.SerializerMethodField()
    state = serializers.ChoiceField(JobState.choices)
    paused_because = serializers.CharField(allow_null=True, help_text="Why, if it was paused by itself; else null.")
    revision = serializers.IntegerField()
    payload = Guarded()
    queue = serializers.CharField(source="queue_id")
    priority = serializers.IntegerField()
    timeout_seconds = serializers.FloatField()
    soft_timeout_seconds = serializers.FloatField(allow_null=True)
    max_wait_seconds = serializers.FloatField(allow_null=True)
    max_total_seconds = serializers.FloatField(allow_null=True)
    pause_after_failures = serializers.IntegerField(allow_null=True)
    on_failure = serializers.ListField(child=serializers.CharField())
    on_success = serializers.ListField(child=serializers.CharField())
    max_running = serializers.IntegerField(allow_null=True)
    concurrency_key = serializers.CharField()
    max_running_per_key = serializers.IntegerField()
    key_rate_limit = serializers.CharField()
    key_rate_burst = serializers.IntegerField(allow_null=True)
    dedup_key = serializers.CharField()
    dedup_seconds = serializers.FloatField(allow_null=True)
    dedup_conflict = serializers.ChoiceField(Duplicate.choices)
    rate_limit = serializers.CharField()
    rate_burst = serializers.IntegerField(allow_null=True)
    throttle = serializers.SerializerMethodField(help_text="A lower cap for a while; null if none is in force.")
    overlap = serializers.ChoiceField(Overlap.choices)
    retry = serializers.SerializerMethodField()
    owner = serializers.CharField()
    depends_on = serializers.SerializerMethodField()
    schedules = ScheduleShape(many=True)
    allowed_actions = serializers.SerializerMethodField()
    created_at = Instant()
    updated_at = Instant()

    def get_tags(self, job: Job) -> list[str]:
        return [row.tag for row in job.tag_rows.all()]

    @extend_schema_field(DependsOnShape(many=True))
    def get_depends_on(self, job: Job) -> list[dict[str, Any]]:
        return [dependency_sets.declared(edge) for edge in job.upstream_edges.all()]

    def get_throttle(self, job: Job) -> ThrottleShape | None:
        return throttle_shape(job)

    def get_retry(self, job: Job) -> dict[str, Any]:
        return retry_shape(job.retry)

    def get_allowed_actions(self, job: Job) -> list[str]:
        return job_states.allowed_actions(job.state)


class RevisionShape(serializers.Serializer[JobRevision]):
    """What a job was at one of its revisions."""

    number = serializers.IntegerField()
    type = serializers.CharField(source="spec.type")
    payload = Guarded(source="spec.payload")
    timeout_seconds = serializers.FloatField(source="spec.timeout_seconds")
    retry = serializers.SerializerMethodField()
    created_at = Instant()
    created_by = serializers.CharField()

    def get_retry(self, revision: JobRevision) -> dict[str, Any]:
        return retry_shape(revision.spec["retry"])


def retry_shape(stored: dict[str, Any]) -> dict[str, Any]:
    """The whole policy, defaults included."""
    policy = retry_fields.parse(stored)
    told = {**asdict(policy), "rules": [_rule_shape(rule) for rule in policy.rules]}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in told.items()}


def _rule_shape(rule: RetryRule) -> dict[str, Any]:
    """What it says itself; the rest is the policy's."""
    said = {name: value for name, value in asdict(rule).items() if value is not None}
    if rule.retry:
        del said["retry"]
    return {**said, "on": sorted(rule.on)}
