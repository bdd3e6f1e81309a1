"""Events and hooks as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from jobs.api.shapes import payloads
from jobs.models import Hook, ReceivedEvent
from jobs.rules.event_outcomes import WORDS, LeftOut, Outcome
from jobs.rules.webhook_signatures import Scheme
from jobs.services import hooks
from tenants.api.fields import Instant, Object, Patch, StrictSerializer

_HEADERS = "Names of headers that events tell of: X-GitHub-Event is read as event.headers.x_github_event."


class EventInput(StrictSerializer):
    """An event that has happened."""

    example: ClassVar[dict[str, Any]] = {
        "name": "order.paid",
        "payload": {"order_id": 4711, "total": 120.5},
        "dedup_key": "order-4711-paid",
    }

    name = serializers.CharField(max_length=100, help_text="Words with dots between them, such as order.paid.")
    payload = Object(
        required=False, default=dict, help_text="What filters and payloads read as event.payload; 128 KiB."
    )
    dedup_key = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of this name and key only the first within 24 hours counts, whoever sends the others.",
    )


class StartedShape(serializers.Serializer[Any]):
    """A run that an event has made, or moved."""

    schedule = serializers.UUIDField()
    job = serializers.UUIDField()
    job_name = serializers.CharField()
    execution = serializers.UUIDField()
    debounced = serializers.BooleanField(help_text="It waited already, and now has this event's payload.")


class LeftOutShape(serializers.Serializer[Any]):
    """A schedule that waits for such events, and did not take this one."""

    schedule = serializers.UUIDField()
    job = serializers.UUIDField()
    job_name = serializers.CharField()
    reason = serializers.ChoiceField([each.value for each in LeftOut])
    message = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField(
        help_text="The filter, or why it could not be computed; that names parts of the payload and needs payloads:read."
    )

    def get_detail(self, left: dict[str, str]) -> str:
        hidden = left["reason"] == LeftOut.FILTER_FAILED and not payloads.may_be_seen(self.context)
        return "" if hidden else left["detail"]

    def get_message(self, left: dict[str, str]) -> str:
        return WORDS[LeftOut(left["reason"])]


class ReceivedEventShape(serializers.Serializer[ReceivedEvent]):
    """An event that came in, and what became of it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    sender = serializers.CharField(help_text="key:<id>, user:<e-mail> or hook:<name>.")
    hook = serializers.UUIDField(source="hook_id", allow_null=True)
    outcome = serializers.ChoiceField([each.value for each in Outcome])
    problem = serializers.CharField(help_text="Why it was refused.")
    started = StartedShape(many=True)
    left_out = LeftOutShape(many=True)
    duplicate_of = serializers.UUIDField(allow_null=True, help_text="The event that had its key first.")
    dedup_key = serializers.CharField()
    payload_size = serializers.IntegerField(help_text="Characters. The payload itself is with the executions.")
    request_id = serializers.CharField()
    received_at = Instant()


class HookChanges(Patch):
    """What may be changed of a hook."""

    example: ClassVar[dict[str, Any]] = {"headers": ["X-GitHub-Event"]}

    event = serializers.CharField(max_length=100, required=False, help_text="Name of the event that it raises.")
    headers = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=hooks.MOST_HEADERS, required=False, help_text=_HEADERS
    )
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)


class HookInput(StrictSerializer):
    """A hook to be."""

    example: ClassVar[dict[str, Any]] = {"name": "shop", "event": "order.paid", "scheme": "standard"}

    name = serializers.CharField(max_length=64, help_text="For ever: a letter, then letters, digits, _ and -.")
    event = serializers.CharField(max_length=100, help_text="Name of the event that it raises.")
    scheme = serializers.ChoiceField(
        [each.value for each in Scheme],
        help_text="For ever: standard (Standard Webhooks), github (X-Hub-Signature-256), or none: who knows the address may.",
    )
    secret = serializers.CharField(
        max_length=200,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text="Where the sender has made one: whsec_… of standard, any text of github. Left out, one is made.",
    )
    headers = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=hooks.MOST_HEADERS,
        required=False,
        default=list,
        help_text=_HEADERS,
    )
    description = serializers.CharField(max_length=500, allow_blank=True, required=False, default="")


class SecretRotationInput(StrictSerializer):
    """How long both secrets are good."""

    example: ClassVar[dict[str, Any]] = {"overlap_seconds": 3600}

    overlap_seconds = serializers.IntegerField(
        min_value=0, max_value=int(hooks.LONGEST_OVERLAP.total_seconds()), default=86_400
    )
    secret = serializers.CharField(
        max_length=200, required=False, write_only=True, trim_whitespace=False, help_text="Left out, one is made."
    )


class HookShape(serializers.Serializer[Hook]):
    """A hook, without its token and secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    event = serializers.CharField()
    scheme = serializers.ChoiceField([each.value for each in Scheme])
    headers = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    enabled = serializers.BooleanField()
    token_prefix = serializers.CharField(source="hint", help_text="How its token begins.")
    former_secret_until = Instant(source="former_until", allow_null=True, help_text="Until then both secrets are good.")
    last_received_at = Instant(allow_null=True, help_text="To the minute.")
    created_at = Instant()
    created_by = serializers.CharField()


class NewHookShape(HookShape):
    """A hook with what is shown this once. Null is what was not made."""

    url = serializers.CharField(allow_null=True, help_text="Where deliveries are sent to: it ends with the token.")
    secret = serializers.CharField(allow_null=True, help_text="What they are signed with.")
