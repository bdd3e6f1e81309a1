"""What a callable takes, told from its signature: a check of JSON arguments, their conversion, a JSON Schema."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import BoundArguments, Parameter, Signature
from typing import Any

import pydantic
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ArgsKwargs

from jobs.handlers import Context

Place = tuple[str | int, ...]


class UnusableError(Exception):
    """A callable that no job could call."""


class InvalidArgumentsError(ValueError):
    """Arguments a callable does not take; ``problems`` are (place, message), places beginning with args or kwargs."""

    def __init__(self, problems: Sequence[tuple[Place, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Call:
    """Converted arguments, complete but for the attempt's context."""

    _signature: Signature
    _values: Mapping[str, Any]
    _context_name: str | None

    def bound(self, context: Context) -> BoundArguments:
        """With the context where the callable asks for it: ``function(*bound.args, **bound.kwargs)``."""
        values = {**self._values, **({self._context_name: context} if self._context_name else {})}
        ordered = {name: values[name] for name in self._signature.parameters if name in values}
        return BoundArguments(self._signature, ordered)


class Arguments:
    """Of one callable. Raises :class:`UnusableError` for a signature that JSON cannot satisfy."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature, hints = _inspected(function)
        self._context_name = _asks_for_context(self._signature, hints)
        named = [parameter for name, parameter in self._signature.parameters.items() if name != self._context_name]
        self._given = self._signature.replace(parameters=named)
        try:
            self._adapter = _adapter(self._given, hints)
            self.schema = _schema(named, hints)
        except (PydanticUserError, NameError, TypeError) as error:
            raise UnusableError(f"its parameters cannot come from JSON: {str(error).splitlines()[0]}") from error

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """The call these arguments make, or :class:`InvalidArgumentsError`."""
        try:
            positional, keywords = self._adapter.validate_python(ArgsKwargs(tuple(args), dict(kwargs)))
        except pydantic.ValidationError as error:
            items = error.errors(include_url=False, include_input=False)
            raise InvalidArgumentsError([self._problem(item) for item in items]) from None
        return Call(self._signature, self._given.bind(*positional, **keywords).arguments, self._context_name)

    def _problem(self, item: Any) -> tuple[Place, str]:
        first, *rest = item["loc"]
        place = ("args" if isinstance(first, int) else "kwargs", first, *rest)
        takes = ", ".join(self._given.parameters) or "nothing"
        own = {
            "missing_argument": "is required",
            "missing_positional_only_argument": "is required, by its place among args",
            "missing_keyword_only_argument": "is required",
            "unexpected_keyword_argument": f"is no parameter; it takes {takes}",
            "unexpected_positional_argument": f"is one too many; it takes {takes}",
        }
        return place, own.get(item["type"], item["msg"].removeprefix("Value error, "))


def _inspected(function: Callable[..., Any]) -> tuple[Signature, dict[str, Any]]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        return inspect.signature(function), hints
    except (NameError, TypeError, ValueError) as error:
        raise UnusableError(f"its signature cannot be read: {error}") from error


def _asks_for_context(signature: Signature, hints: Mapping[str, Any]) -> str | None:
    for name, parameter in signature.parameters.items():
        wanted = hints.get(name)
        if wanted is Context or Context in typing.get_args(wanted):
            return name
        if name == "context" and parameter.annotation in (Parameter.empty, Any, "Any"):
            return name
    return None


def _adapter(signature: Signature, hints: Mapping[str, Any]) -> TypeAdapter[Any]:
    """Validates by the signature, then answers with what it would have called."""

    def echo(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    echo.__signature__ = signature  # type: ignore[attr-defined]
    echo.__annotations__ = {name: hints[name] for name in signature.parameters if name in hints}
    adapter: TypeAdapter[Any] = TypeAdapter(echo)  # type: ignore[arg-type] # takes callables too
    return adapter


class _Schema(GenerateJsonSchema):
    # A default that JSON cannot hold is left out; that the parameter is not required says enough.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


def _schema(parameters: Sequence[Parameter], hints: Mapping[str, Any]) -> dict[str, Any]:
    """As if all came by name: further positional ones have no name to be described by."""
    by_name = [
        parameter.replace(kind=Parameter.POSITIONAL_OR_KEYWORD)
        if parameter.kind is Parameter.POSITIONAL_ONLY
        else parameter
        for parameter in parameters
        if parameter.kind is not Parameter.VAR_POSITIONAL
    ]
    return _adapter(Signature(by_name), hints).json_schema(schema_generator=_Schema)
