"""What a schedule says before it fires, as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.api import fires
from jobs.api.shapes.schedules import SlotShape
from jobs.previews import Preview
from jobs.previews.cautions import Caution, Warning
from jobs.previews.clocks import ClockChange
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import zones
from tenants.api.fields import Instant


class ClockChangeShape(serializers.Serializer[ClockChange]):
    """Clocks of the schedule's zone move."""

    at = Instant()
    offset_before = serializers.CharField(help_text="From UTC, such as +01:00.")
    offset_after = serializers.CharField()
    effect = serializers.CharField(help_text="What becomes of the schedule's times.")


class WarningShape(serializers.Serializer[Warning]):
    """What may not be meant."""

    code = serializers.ChoiceField([*Caution])
    message = serializers.CharField(help_text="In a sentence, with what to do.")


class PreviewShape(serializers.Serializer[dict[str, Any]]):
    """What a rule means."""

    sentence = serializers.CharField(help_text="The rule in plain English.")
    next = SlotShape(many=True)
    clock_changes = ClockChangeShape(many=True, help_text="The zone's next two, if it has any in the next three years.")
    spread_seconds = serializers.FloatField(help_text="Each run starts up to so long after its slot.")
    warnings = WarningShape(many=True)


def shown(preview: Preview) -> dict[str, Any]:
    """A preview for :class:`PreviewShape`."""
    return {
        "sentence": preview.sentence,
        "next": [_slot(slot, preview) for slot in preview.slots],
        "spread_seconds": preview.spread.jitter.total_seconds(),
        "clock_changes": preview.clock_changes,
        "warnings": preview.warnings,
    }


def _slot(slot: Slot, preview: Preview) -> dict[str, Any]:
    """When its run starts is not known where it is spread by an id that is not given yet."""
    runs, spread = slot.kind is SlotKind.RUN, preview.spread
    start = spread.start(slot.at, slot.nominal) if runs else None
    told = fires.shown(slot, preview.timezone, start)
    if runs and start is None:
        told["note"] = "OUTSIDE_WINDOW"
    if spread.jitter and spread.key is None:
        told["starts_at"] = None
    return {**told, "offset": zones.offset_text(told["local"].utcoffset())}
