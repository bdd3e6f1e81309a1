"""Query parameters as declarations: read, refused, documented and applied from the same line.

    parameters = {"list": (*PAGED, one_of("state", "state", JobState.values), text("type", "type"))}

An unknown parameter is refused, so that a misspelt filter never answers with everything.
A repeated filter asks for any of its values; two different ones for what both leave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from tenants.api import fields
from tenants.api.errors import UnknownParameter

#: Most values of one repeated parameter.
MOST_VALUES = 20
_ENDS = ("[gte]", "[lte]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """``read`` turns text into a value or raises ValueError with the message. With ``lookup`` it filters rows."""

    name: str
    read: Callable[[str], Any]
    description: str
    lookup: str = ""
    repeatable: bool = False
    #: Its JSON Schema.
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})

    def documented(self) -> OpenApiParameter:
        """For the OpenAPI document."""
        schema = {"type": "array", "items": dict(self.schema)} if self.repeatable else dict(self.schema)
        return OpenApiParameter(self.name, schema, OpenApiParameter.QUERY, description=self.description)


#: Taken everywhere, and read where it is found out who asks.
TENANT = Parameter(
    "tenant",
    str,
    "Slug of the tenant to work with: for the platform's people and keys. Anybody else may name their own.",
)


def parse(given: QueryDict, declared: Collection[Parameter]) -> dict[str, Any]:
    """The values sent, by name; those of repeatable parameters as lists. ``tenant`` goes without saying."""
    given = given.copy()
    given.pop(TENANT.name, None)
    known = {parameter.name: parameter for parameter in declared}
    if unknown := sorted(set(given) - set(known)):
        names = ", ".join(sorted(known)) or "none"
        message = f"unknown parameter {', '.join(unknown)}; known here: {names}"
        raise UnknownParameter(message, details={name: ["unknown parameter"] for name in unknown})
    values = {name: _values(known[name], texts) for name, texts in given.lists()}
    _refuse_upside_down(values)
    return values


def _values(parameter: Parameter, texts: list[str]) -> Any:
    if len(texts) > 1 and not parameter.repeatable:
        raise ValidationError({parameter.name: ["must be given once"]})
    if len(texts) > MOST_VALUES:
        raise ValidationError(
            {parameter.name: [f"must be given at most {MOST_VALUES} times, and is {len(texts)} times"]}
        )
    try:
        values = [parameter.read(_storable(text)) for text in texts]
    except ValueError as error:
        raise ValidationError({parameter.name: [str(error)]}) from None
    return values if parameter.repeatable else values[0]


def _refuse_upside_down(values: Mapping[str, Any]) -> None:
    first, last = _ENDS
    for name in (name.removesuffix(first) for name in values if name.endswith(first)):
        if name + last in values and values[name + last] < values[name + first]:
            raise ValidationError({name + last: [f"must not be earlier than {name}{first}"]})


def conditions(values: Mapping[str, Any], declared: Collection[Parameter]) -> dict[str, Any]:
    """What to hand to ``filter()``."""
    return {p.lookup: values[p.name] for p in declared if p.lookup and p.name in values}


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def text(name: str, lookup: str, description: str) -> Parameter:
    """Equal to a text."""
    return Parameter(name, str, description, lookup)


def texts(name: str, lookup: str, description: str) -> Parameter:
    """Equal to a text; repeated, to any of those given."""
    return Parameter(name, str, description, lookup and f"{lookup}__in", repeatable=True)


def choice(name: str, values: Collection[str], description: str) -> Parameter:
    """One of a closed list."""

    def read(sent: str) -> str:
        if sent not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return sent

    return Parameter(name, read, description, schema={"type": "string", "enum": [*values]})


def one_of(name: str, lookup: str, values: Collection[str], description: str) -> Parameter:
    """Equal to one of a closed list; repeated, to any of those given."""
    return replace(choice(name, values, description), lookup=lookup and f"{lookup}__in", repeatable=True)


def row_id(name: str, lookup: str, description: str) -> Parameter:
    """Equal to a row's id; repeated, to any of those given."""

    def read(sent: str) -> Any:
        found = fields.id_of(sent)
        if found is None:
            raise ValueError("must be an id")
        return found

    schema = {"type": "string", "format": "uuid"}
    return Parameter(name, read, description, lookup and f"{lookup}__in", repeatable=True, schema=schema)


def whole(name: str, low: int, high: int, description: str, *, default: int | None) -> Parameter:
    """A whole number in a range."""

    def read(sent: str) -> int:
        if not (sent.isascii() and sent.isdigit() and len(sent) < 20 and low <= int(sent) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(sent)

    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, read, description, schema=schema if default is None else schema | {"default": default})


def flag(name: str, description: str) -> Parameter:
    """Yes or no; left out, no."""

    def read(sent: str) -> bool:
        if sent not in ("true", "false"):
            raise ValueError("must be true or false")
        return sent == "true"

    return Parameter(name, read, description, schema={"type": "boolean", "default": False})


def words(name: str, description: str) -> Parameter:
    """Names, with commas between them; repeated, all of them."""

    def read(sent: str) -> list[str]:
        found = [word.strip() for word in sent.split(",")]
        if not all(found):
            raise ValueError("must be names with commas between them")
        return found

    return Parameter(name, read, description, repeatable=True)


def between(name: str, description: str) -> tuple[Parameter, Parameter]:
    """The two ends of a range in time, both included."""
    first, last = _ENDS
    return (
        instant(name + first, "", f"{description}, at this instant or later."),
        instant(name + last, "", f"{description}, at this instant or earlier."),
    )


def ends(values: Mapping[str, Any], name: str) -> tuple[datetime | None, datetime | None]:
    """What was sent of a :func:`between`."""
    first, last = _ENDS
    return values.get(name + first), values.get(name + last)


def instant(name: str, lookup: str, description: str) -> Parameter:
    """A bound in time."""

    def read(sent: str) -> Any:
        try:
            return fields.Instant().run_validation(sent)
        except ValidationError as error:
            raise ValueError(str(error.detail[0])) from None  # type: ignore[index]

    return Parameter(name, read, description, lookup, schema={"type": "string", "format": "date-time"})
