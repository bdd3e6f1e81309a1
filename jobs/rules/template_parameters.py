"""What a job template may be given: a small, strict subset of JSON Schema, and the values that fit it.

A subset, since a whole JSON Schema may refer to other documents, nest without end and match patterns that take for
ever, and since a form is made of this one. Parameters are one object; each is text, a number or yes/no, with its bounds.
Whatever is beyond that is refused by its place instead of being passed over: a rule that nobody checks reads like one
that holds. There is no ``pattern``: ``enum`` and lengths bound a text here, and the job's own check has the last word.

    {"type": "object", "required": ["channel"],
     "properties": {"channel": {"type": "string", "maxLength": 20}, "hour": {"type": "integer", "maximum": 23, "default": 3}}}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.rules.templates import BEGIN

MOST = 50
#: Of a text whose parameter says nothing of its length.
LONGEST_TEXT = 10_000
MOST_CHOICES = 100
LARGEST = 2**53 - 1
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NAMED_SO = "must begin with a small letter, then have at most 62 small letters, digits or _"
_WHOLE = frozenset({"type", "properties", "required", "additionalProperties"})
_OF_ANY = frozenset({"type", "description", "default", "enum"})
_OF_NUMBERS = _OF_ANY | {"minimum", "maximum"}
_OF_TYPES: Mapping[str, frozenset[str]] = {
    "string": _OF_ANY | {"minLength", "maxLength"},
    "number": _OF_NUMBERS,
    "integer": _OF_NUMBERS,
    "boolean": frozenset({"type", "description", "default"}),
}
_CALLED = {"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}


class InvalidParameters(ValueError):
    """What is wrong with a schema or with values: messages by place."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {message}" for place, message in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of them. ``default`` is None for none."""

    name: str
    type: str
    required: bool = False
    description: str = ""
    default: Any = None
    enum: Sequence[Any] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0
    max_length: int = LONGEST_TEXT

    def refusal(self, value: Any) -> str:
        """What is wrong with a value; empty for nothing."""
        if not _is_of(self.type, value):
            return f"must be {_CALLED[self.type]}"
        if self.enum and value not in self.enum:
            return f"must be one of {', '.join(map(str, self.enum))}"
        return self._refusal_of_text(value) if self.type == "string" else self._refusal_of_size(value)

    def _refusal_of_text(self, value: str) -> str:
        if not self.min_length <= len(value) <= self.max_length:
            return f"must have {self.min_length} to {self.max_length} characters, and has {len(value)}"
        if BEGIN in value:
            return f"must not hold {BEGIN}: values are taken as they are; write expressions in the template itself"
        return "holds a character that no text may hold: NUL, or half of a pair" if _is_unstorable(value) else ""

    def _refusal_of_size(self, value: float) -> str:
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum}"
        return f"must be at most {self.maximum}" if self.maximum is not None and value > self.maximum else ""


def parse(schema: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters that a schema declares, by name. Raises :class:`InvalidParameters`."""
    problems = _beyond("parameters", schema, _WHOLE)
    if schema.get("type", "object") != "object":
        problems["parameters.type"] = "must be object"
    if schema.get("additionalProperties", False) is not False:
        problems["parameters.additionalProperties"] = "must be false: what is not declared is refused"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, Mapping) or len(properties) > MOST:
        raise InvalidParameters({"parameters.properties": f"must be an object of at most {MOST} parameters"})
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise InvalidParameters({"parameters.required": "must be a list of names"})
    for index, name in enumerate(required):
        if name not in properties:
            problems[f"parameters.required[{index}]"] = f"there is no parameter named {name[:64]!r} in properties"
    found = {}
    for name, own in properties.items():
        place = f"parameters.properties.{name[:64]}"
        if not _NAME.fullmatch(name):
            problems[place] = _NAMED_SO
        elif wrong := _wrong(place, own, required=name in required):
            problems |= wrong
        else:
            found[name] = _parameter(name, own, required=name in required)
            problems |= _at_odds(place, found[name], own)
    if problems:
        raise InvalidParameters(problems)
    return found


def values(parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each, defaults included; None for one that is left out. Raises :class:`InvalidParameters`."""
    known = ", ".join(parameters) or "none"
    problems = {
        f"parameters.{name[:64]}": f"there is no such parameter; there are {known}"
        for name in given
        if name not in parameters
    }
    found = {}
    for name, parameter in parameters.items():
        # As in a job's own fields, null is what is left out.
        value = given.get(name)
        if value is None and parameter.required:
            problems[f"parameters.{name}"] = "is required"
        elif value is not None and (wrong := parameter.refusal(value)):
            problems[f"parameters.{name}"] = wrong
        else:
            found[name] = _told(parameter, parameter.default if value is None else value)
    if problems:
        raise InvalidParameters(problems)
    return found


def _told(parameter: Parameter, value: Any) -> Any:
    return int(value) if parameter.type == "integer" and isinstance(value, float) else value


def _beyond(place: str, given: Mapping[str, Any], known: frozenset[str]) -> dict[str, str]:
    words = ", ".join(sorted(known))
    return {
        f"{place}.{str(name)[:64]}": f"is beyond what templates know of JSON Schema: {words}"
        for name in given
        if name not in known
    }


def _wrong(place: str, own: Any, *, required: bool) -> dict[str, str]:
    """What is wrong with the form of one; its values come after."""
    if not isinstance(own, Mapping):
        return {place: 'must be an object, such as {"type": "string"}'}
    kind = own.get("type")
    if not isinstance(kind, str) or kind not in _OF_TYPES:
        return {f"{place}.type": f"must be one of {', '.join(_OF_TYPES)}"}
    problems = _beyond(place, own, _OF_TYPES[kind])
    if not isinstance(own.get("description", ""), str) or len(own.get("description", "")) > 500:
        problems[f"{place}.description"] = "must be text of at most 500 characters"
    for word in ("minimum", "maximum"):
        if word in own and not _is_of("number", own[word]):
            problems[f"{place}.{word}"] = "must be a number"
    for word in ("minLength", "maxLength"):
        if word in own and not (_is_of("integer", own[word]) and 0 <= own[word] <= LONGEST_TEXT):
            problems[f"{place}.{word}"] = f"must be a whole number from 0 to {LONGEST_TEXT}"
    if "enum" in own and not (isinstance(own["enum"], list) and 0 < len(own["enum"]) <= MOST_CHOICES):
        problems[f"{place}.enum"] = f"must be a list of 1 to {MOST_CHOICES} values"
    if required and "default" in own:
        problems[f"{place}.default"] = "has no meaning for a parameter that is required: take it away here or there"
    return problems


def _parameter(name: str, own: Mapping[str, Any], *, required: bool) -> Parameter:
    return Parameter(
        name=name,
        type=own["type"],
        required=required,
        description=own.get("description", ""),
        default=own.get("default"),
        enum=tuple(own.get("enum", ())),
        minimum=own.get("minimum"),
        maximum=own.get("maximum"),
        min_length=int(own.get("minLength", 0)),
        max_length=int(own.get("maxLength", LONGEST_TEXT)),
    )


def _at_odds(place: str, parameter: Parameter, own: Mapping[str, Any]) -> dict[str, str]:
    """Values of the schema that its own rules refuse, so that nobody finds out later."""
    problems = {}
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and low > high:
        problems[f"{place}.maximum"] = "must not be less than minimum"
    if parameter.min_length > parameter.max_length:
        problems[f"{place}.maxLength"] = "must not be less than minLength"
    for index, choice in enumerate(parameter.enum):
        if wrong := parameter.refusal(choice):
            problems[f"{place}.enum[{index}]"] = wrong
    if "default" in own and not problems and (wrong := parameter.refusal(own["default"])):
        problems[f"{place}.default"] = wrong
    return problems


def _is_of(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST:
        return False
    return kind == "number" or int(value) == value


def _is_unstorable(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" or each == "\0" for each in text)
