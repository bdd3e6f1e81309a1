"""A schedule by its kind: which fields belong to which."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jobs import triggers
from jobs.api.shapes.unions import NULL, JsonSchema, Union
from jobs.triggers.contract import DstFold, DstGap
from jobs.triggers.interval import LONGEST
from tenants.api.openapi import Schema

#: What a rule fires by, as it must be where its kind needs it.
_OWN: Mapping[str, JsonSchema] = {
    "expression": {"type": "string", "minLength": 1, "maxLength": 200, "description": "As of cron, see docs/api.md."},
    "interval_seconds": {"type": "integer", "minimum": 1, "maximum": LONGEST},
    "run_at": {"type": "string", "format": "date-time"},
    "rrule": {
        "type": "string",
        "minLength": 1,
        "maxLength": 1000,
        "description": "Of RFC 5545, see docs/schedules.md.",
    },
    "rule": {"type": "object"},
    "event": {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "description": "Name of the event it waits for; * as the last word is for all that begin so.",
    },
}
_BLANK: JsonSchema = {"type": ["string", "null"], "maxLength": 0}
_EXAMPLES: dict[str, Mapping[str, Any]] = {
    "cron": {"kind": "cron", "expression": "30 2 * * 1-5", "timezone": "Europe/Berlin", "misfire": "last"},
    "interval": {"kind": "interval", "interval_seconds": 900, "misfire": "skip"},
    "once": {"kind": "once", "run_at": "2199-01-31T09:00:00Z"},
    "rrule": {
        "kind": "rrule", "rrule": "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0", "timezone": "Europe/Berlin",
    },
    "calendar": {
        "kind": "calendar", "timezone": "Europe/Berlin",
        "rule": {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]},
    },
    "event": {"kind": "event", "event": "order.paid", "event_filter": "event.payload.total > 100"},
}  # fmt: skip


def _only(kind: str, *, unset: Mapping[str, JsonSchema]) -> JsonSchema:
    """The field that a kind needs, and the others, which mean nothing there; all as they come for a kind unknown here."""
    needed = triggers.needs(kind)
    if not needed:
        return {"properties": {}, "required": []}
    others = {name: unset[name] for name in _OWN if name != needed}
    said = triggers.kind(kind).schema
    return {"properties": {**others, needed: _OWN[needed] if said is None else {**said}}, "required": [needed]}


class _Rules(Union):  # type: ignore[no-untyped-call]
    by = "kind"

    #: Beside the rule, in an example.
    example: Mapping[str, Any] = {}

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:  # noqa: ARG002
        return {kind: self._member(kind, base) for kind in triggers.kinds()}

    def _member(self, kind: str, base: JsonSchema) -> JsonSchema:
        unset = {
            name: _BLANK if said["type"] == "string" and "format" not in said else NULL for name, said in _OWN.items()
        }
        member = _only(kind, unset=unset)
        choices: Mapping[str, type[DstGap] | type[DstFold]] = {"dst_gap": DstGap, "dst_fold": DstFold}
        for name, enum in choices.items():
            member["properties"][name] = {"type": "string", "enum": [*enum]}
        if example := _EXAMPLES.get(kind) or triggers.kind(kind).example:
            said = {"kind": kind, **example, **self.example}
            member["examples"] = [{name: value for name, value in said.items() if name in base["properties"]}]
        return member


class NewSchedules(_Rules):  # type: ignore[no-untyped-call]
    """A schedule to be, inside its job."""

    target_class = "jobs.api.shapes.schedules.ScheduleInput"


class NewSchedulesOfJobs(_Rules):  # type: ignore[no-untyped-call]
    """A schedule to be, of a job that exists."""

    target_class = "jobs.api.shapes.schedules.NewScheduleInput"
    priority = 1
    example = {"job": "nightly dummy"}


class Previews(_Rules):  # type: ignore[no-untyped-call]
    """A rule to try out: nothing anchors it but what it says itself."""

    target_class = "jobs.api.shapes.schedules.PreviewInput"
    example = {"count": 3}

    def _member(self, kind: str, base: JsonSchema) -> JsonSchema:
        member = super()._member(kind, base)
        if triggers.is_anchored(kind):
            member["properties"]["start_at"] = {"type": "string", "format": "date-time"}
            member["required"] = [*member["required"], "start_at"]
            member["examples"] = [{**said, "start_at": "2026-01-01T00:00:00Z"} for said in member.get("examples", ())]
        return member


class StoredSchedules(Union):  # type: ignore[no-untyped-call]
    """A schedule as it is stored."""

    target_class = "jobs.api.shapes.schedules.ScheduleShape"
    by = "kind"

    def members(self, base: JsonSchema, schema: Schema, direction: str) -> Mapping[str, JsonSchema]:  # noqa: ARG002
        return {kind: _only(kind, unset=dict.fromkeys(_OWN, NULL)) for kind in triggers.kinds()}

    def others(self, known: Collection[str], direction: str) -> JsonSchema | None:  # noqa: ARG002
        """Of a kind that this installation does not have any more."""
        return {}
