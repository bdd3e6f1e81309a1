"""Which callables there are, by name. Filled by the decorators while the modules of CARILLON_CALLABLES are imported."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from jobs.callables.arguments import Arguments, UnusableError

_NAME = re.compile(r"\w[\w.:-]{0,199}")


class UnknownCallableError(LookupError):
    """No callable is registered under that name."""


@dataclass(frozen=True)
class DeclaredJob:
    """The job a callable declares: fields as the API names them, and its schedules."""

    fields: Mapping[str, Any]
    schedules: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Registered:
    """Something jobs may call. ``function`` is what to call, ``origin`` where it is defined."""

    name: str
    function: Callable[..., Any]
    description: str
    origin: str
    job: DeclaredJob | None = field(default=None)

    @cached_property
    def arguments(self) -> Arguments:
        """What it takes. Built when first asked for: annotations may name what its module defines further down."""
        return Arguments(self.function)


_registry: dict[str, Registered] = {}


def register(entry: Registered) -> None:
    """Make a callable known. A name that means two things stops the start."""
    if not _NAME.fullmatch(entry.name):
        raise RuntimeError(
            f"{entry.name!r} cannot name a callable: give it a name of letters, digits and . : _ - (at most 200)"
        )
    known = _registry.get(entry.name)
    if known is not None and known.origin != entry.origin:
        raise RuntimeError(f"callable {entry.name!r} is both {known.origin} and {entry.origin}: rename one")
    _registry[entry.name] = entry


def load(modules: Iterable[str]) -> None:
    """Import the modules that register callables, and refuse what no job could call."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise RuntimeError(f"CARILLON_CALLABLES: {name} cannot be imported: {error!r}") from error
    for entry in _registry.values():
        try:
            _ = entry.arguments
        except UnusableError as error:
            raise RuntimeError(f"callable {entry.name}: {error}") from error


def get(name: str) -> Registered:
    """The callable of that name, or :class:`UnknownCallableError`."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownCallableError(
            f"no callable is named {name!r} here: is its module in CARILLON_CALLABLES, and is it marked?"
        ) from None


def registered() -> Mapping[str, Registered]:
    """All callables by name."""
    return dict(_registry)


def allows(patterns: Iterable[str], name: str) -> bool:
    """Whether a tenant's list lets it call ``name``; ``*`` in a pattern stands for anything."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def first_paragraph(docstring: str | None) -> str:
    """What a docstring says first, on one line."""
    return " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())
