"""Backfills and single slots that are run anyway, as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from jobs.api.shapes.executions import WithDownstream
from jobs.api.shapes.schedules import FireShape
from jobs.rules import background
from jobs.rules.backfills import MOST_SLOTS, Order, Which
from tenants.api.fields import Instant, Object, StrictSerializer
from tenants.requests import LONGEST_REASON


class BackfillInput(StrictSerializer):
    """Slots of a time that has passed, and how they are run."""

    example: ClassVar[dict[str, Any]] = {
        "from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "which": "missing",
        "max_active": 3, "reason": "the supplier was down",
    }  # fmt: skip

    until = Instant(help_text=f"The first instant without any; not ahead. At most {MOST_SLOTS:,} slots.")
    which = serializers.ChoiceField(
        [each.value for each in Which],
        default=Which.MISSING.value,
        help_text="missing: nothing ran for the slot. failed: its newest run failed. all: also those that ran, "
        "but none with a run that has not ended.",
    )
    order = serializers.ChoiceField([each.value for each in Order], default=Order.OLDEST.value)
    max_active = serializers.IntegerField(
        min_value=1,
        max_value=background.MOST_ACTIVE,
        default=background.USUAL_ACTIVE,
        help_text="Most of them in flight.",
    )
    payload = Object(
        required=False, allow_null=True, help_text="Goes over the schedule's overrides. Data, as they are."
    )
    with_downstream = WithDownstream(help_text="Start the jobs that depend on it with each slot, too.")
    reason = serializers.CharField(
        required=False, default="", max_length=LONGEST_REASON, help_text="For the audit trail; or as X-Audit-Reason."
    )

    def get_fields(self) -> dict[str, Any]:
        # No attribute can be called so.
        return {"from": Instant(help_text="The first instant with slots."), **super().get_fields()}


class BackfillPreviewShape(serializers.Serializer[Any]):
    """What a backfill would be about."""

    dry_run = serializers.BooleanField(help_text="True: nothing is stored.")
    slots = serializers.IntegerField(help_text="Between from and until.")
    examined = serializers.IntegerField(help_text="So many of them were looked at, the first ones in the order.")
    matched = serializers.IntegerField(help_text="So many of those would run.")
    matched_is_capped = serializers.BooleanField(help_text="Not all were looked at.")
    by_state = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How those stand that were looked at: missing, or as their newest run.",
    )
    first = FireShape(allow_null=True)
    last = FireShape(allow_null=True)
    estimate_seconds = serializers.FloatField(
        allow_null=True, help_text="By the job's runs of the last 30 days; null without any."
    )


class RunAnywayInput(StrictSerializer):
    """What a slot is run with."""

    example: ClassVar[dict[str, Any]] = {"payload": {"result": "of that day"}}

    payload = Object(
        required=False, allow_null=True, help_text="Goes over the schedule's overrides. Data, as they are."
    )
    with_downstream = WithDownstream()


class SlotInput(RunAnywayInput):
    """A slot of the schedule."""

    example: ClassVar[dict[str, Any]] = {"scheduled_for": "2026-01-31T02:30:00Z"}

    scheduled_for = Instant(help_text="Its instant; not ahead.")


class SkippedInput(RunAnywayInput):
    """Which slot, where the row stands for many."""

    example: ClassVar[dict[str, Any]] = {"scheduled_for": "2026-01-31T02:30:00Z"}

    scheduled_for = Instant(required=False, help_text="The row's own if left out.")
