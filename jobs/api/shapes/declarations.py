"""What declares jobs, and tells of their past, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api.shapes.jobs import JobInput, JobShape
from jobs.api.shapes.schedules import FireShape, ScheduleShape, UpcomingShape
from jobs.rules.differences import Change
from jobs.services.copies import Copied
from tenants.api import dry_runs
from tenants.api.dry_runs import DryRunShape
from tenants.api.fields import StrictSerializer

OUTCOMES = [dry_runs.CREATED, dry_runs.UPDATED, dry_runs.UNCHANGED]


class JobDeclaration(JobInput):
    """A whole job; what is left out has its default. Without `schedules` and `depends_on` those it has stay."""

    name = serializers.CharField(max_length=200, required=False, help_text="The path's, or left out.")


class DeclaredJobShape(JobShape):
    """A job, and what became of it."""

    outcome = serializers.ChoiceField(OUTCOMES)


class DeclaredScheduleShape(ScheduleShape):
    """A schedule, and what became of it."""

    outcome = serializers.ChoiceField(OUTCOMES)


class JobDryRunShape(DryRunShape):
    """What a request would make of a job."""

    next = UpcomingShape(many=True)
    job = JobShape(allow_null=True)


class ScheduleDryRunShape(DryRunShape):
    """What a request would make of a schedule."""

    next = FireShape(many=True)
    schedule = ScheduleShape(allow_null=True)


class RollbackInput(StrictSerializer):
    """Which revision to go back to."""

    example = {"revision": 1}

    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class CopyInput(StrictSerializer):
    """What a copy is called, and what becomes of its schedules."""

    example = {"name": "nightly dummy of the shop"}

    name = serializers.CharField(max_length=200)
    schedules = serializers.ChoiceField(
        [str(each) for each in Copied],
        default=str(Copied.PAUSED),
        help_text="paused: copied and held; same: in the states they have, all held if the job is; none: left out. What it depends on is copied with same.",
    )


class DifferenceShape(serializers.Serializer[dict[str, Any]]):
    """One place that differs. Without the scope payloads:read what is in the payload is one place, with nulls."""

    path = serializers.CharField(help_text="Such as payload.headers.Accept or payload.items[0].")
    change = serializers.ChoiceField([str(each) for each in Change])
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class RevisionDiffShape(serializers.Serializer[dict[str, Any]]):
    """What changed from one revision to another."""

    revision = serializers.IntegerField()
    compared_with = serializers.IntegerField(source="with", allow_null=True, help_text="Null: with nothing.")
    differences = DifferenceShape(many=True)
