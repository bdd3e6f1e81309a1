"""Serializer building blocks: unknown fields are refused, instants have an offset, numbers are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.settings import api_settings

from tenants.rules import unknown_fields
from tenants.rules.ids import id_of

__all__ = [
    "EARLIEST",
    "LATEST",
    "Instant",
    "NoFields",
    "Number",
    "Object",
    "Patch",
    "StrictSerializer",
    "id_of",
]

#: Beyond these neither ids nor zone rules hold.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


#: What a client calls what JSON's values become here.
_JSON_TYPES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def _no_object(value: Any) -> str:
    return f'must be a JSON object, {{"field": value, …}}, and is {_JSON_TYPES.get(type(value), "null")}'


#: Choices that a refusal lists.
_MOST_CHOICES = 20


def _say_choices(field: Any) -> None:
    """Who names none of them reads which there are."""
    if isinstance(field, serializers.ChoiceField) and 0 < len(field.choices) <= _MOST_CHOICES:
        there = ", ".join(map(str, field.choices)).replace("{", "{{").replace("}", "}}")
        field.error_messages["invalid_choice"] = f'"{{input}}" is not a valid choice: there are {there}'


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what is no object, and fields it does not know by name, at any depth."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            _say_choices(getattr(field, "child", field))
        return fields

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None and not self.allow_null:
            return False, None  # as any other value that is no object
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [_no_object(data)]})
        known = {str(field.field_name) for field in self._writable_fields}
        if unknown := sorted(str(name) for name in data if name not in known):
            raise serializers.ValidationError({name: [unknown_fields.told(name, known)] for name in unknown})
        return super().to_internal_value(data)


class Patch(StrictSerializer):
    """One that, as a merge patch (RFC 7396), understands null: that field is taken away, and so has its default."""

    def to_internal_value(self, data: Any) -> Any:
        if not self.partial or not isinstance(data, Mapping):
            return super().to_internal_value(data)
        optional = {field.field_name for field in self._writable_fields if not field.required}
        removed = {name for name, value in data.items() if value is None and name in optional}
        kept = {name: value for name, value in data.items() if name not in removed}
        return {**super().to_internal_value(kept), **dict.fromkeys(removed)}


class NoFields(StrictSerializer):
    """The body of a request that takes none."""


class Object(serializers.DictField):
    """Any JSON object."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError(_no_object(data))
        return super().to_internal_value(data)


class Instant(serializers.DateTimeField):
    """RFC 3339 with an offset, printed in UTC. A time without offset would mean another instant to each reader."""

    default_error_messages = {
        "naive": "has no UTC offset: add one, such as Z or +01:00",
        "out_of_range": f"must lie between {EARLIEST.year} and the end of {LATEST.year - 1}",
    }

    def to_internal_value(self, value: Any) -> datetime:
        instant: datetime = super().to_internal_value(value)
        if not EARLIEST <= instant < LATEST:
            self.fail("out_of_range")
        return instant

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.utcoffset() is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("out_of_range")


class Number(serializers.FloatField):
    """A JSON number. Text is refused: DRF would take "NaN", which no range check catches."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool | str):
            self.fail("invalid")
        return super().to_internal_value(data)
