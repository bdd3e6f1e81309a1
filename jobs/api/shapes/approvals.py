"""Approvals as JSON."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from rest_framework import serializers

from jobs import approvals as reading
from jobs.api.shapes.executions import JobReference
from jobs.api.shapes.payloads import Guarded
from jobs.models import Approval
from jobs.rules.approvals import Default, Standing
from jobs.services import approvals
from tenants import actors
from tenants.api.fields import Instant, StrictSerializer
from tenants.requests import LONGEST_REASON

#: Names that one approval lists.
MOST_NAMES = 50


class ApproveInput(StrictSerializer):
    """Why, if that is to be kept."""

    example: ClassVar[dict[str, Any]] = {"reason": "tested on staging"}

    reason = serializers.CharField(
        required=False, default="", max_length=LONGEST_REASON, help_text="Kept with it; or as X-Audit-Reason."
    )


class RejectInput(StrictSerializer):
    """Why."""

    example: ClassVar[dict[str, Any]] = {"reason": "the load test failed"}

    reason = serializers.CharField(
        required=False, default="", max_length=LONGEST_REASON, help_text="Must be said: here, or as X-Audit-Reason."
    )


class PutToShape(serializers.Serializer[Approval]):
    """Of those who may run jobs, who may decide; nobody named: any of them."""

    roles = serializers.ListField(child=serializers.CharField())
    members = serializers.ListField(child=serializers.CharField(), help_text="E-mail addresses.")
    api_keys = serializers.ListField(child=serializers.CharField(), help_text="Ids.")


class ApprovalShape(serializers.Serializer[Approval]):
    """A decision that an execution waits for."""

    id = serializers.UUIDField()
    job = JobReference()
    execution = serializers.UUIDField(source="execution_id")
    question = Guarded(help_text="With payloads:read.")
    state = serializers.ChoiceField(
        [each.value for each in Standing],
        help_text="lapsed: nobody decided in time, and it failed. withdrawn: its execution ended before.",
    )
    who = PutToShape(source="*")
    may_decide = serializers.SerializerMethodField(
        help_text=f"Members and API keys who may decide as things stand, by name: the first {MOST_NAMES}."
    )
    not_by_requester = serializers.BooleanField(help_text="Whoever started it may not decide.")
    requested_by = serializers.CharField()
    until = Instant(help_text="Nobody can decide later.")
    default = serializers.ChoiceField(
        [each.value for each in Default],
        source="by_default",
        help_text="What becomes of it if nobody decides until then.",
    )
    decided_by = serializers.CharField(allow_null=True, help_text="Null if nobody did in time.")
    decided_at = Instant(allow_null=True)
    reason = serializers.CharField()
    created_at = Instant()
    allowed_actions = serializers.SerializerMethodField(help_text="approve and reject, for whoever may decide.")

    def get_may_decide(self, approval: Approval) -> list[str]:
        shared = cast("dict[str, reading.Names]", self.context)  # by all rows of a page
        names = shared.setdefault(f"deciders of {approval.tenant_id}", reading.Names(approval.tenant_id))
        return names.of(approval)[:MOST_NAMES]

    def get_allowed_actions(self, approval: Approval) -> list[str]:
        shared = cast("dict[str, Any]", self.context)
        acting = f"acting in {approval.tenant_id}"
        if acting not in shared:
            shared[acting] = reading.deciders(actors.current(), [approval.tenant_id])
        return approvals.allowed_actions(approval, shared[acting])

    def to_representation(self, approval: Approval) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(approval)
        return {**shown, "decided_by": shown["decided_by"] or None} if "decided_by" in shown else shown
