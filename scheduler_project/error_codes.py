"""Every code that an answer may carry, for docs: the classes that raise them say what is wrong and what to do.

What Django and DRF refuse has no class of ours; its words are here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

from tenants.errors import ServiceError

PACKAGES = ("tenants", "jobs", "monitoring")

#: (code, status): in words.
OF_THE_EDGE = {
    ("BAD_REQUEST", 400): "This request cannot be served: check the host name and the headers.",
    ("INVALID_JSON", 400): "The body is no JSON, or no JSON that is taken here: check its syntax.",
    ("UNKNOWN_FIELD", 400): "The body has a field that is not known: remove it, or check its spelling.",
    ("METHOD_NOT_ALLOWED", 405): "There is such a path, and it does not take this method: see /api/v1/docs.",
    ("NOT_ACCEPTABLE", 406): "Answers are JSON: send Accept: application/json, or none.",
    ("UNSUPPORTED_MEDIA_TYPE", 415): "Bodies are JSON: send Content-Type: application/json.",
    ("REFUSED", 403): "Refused for a reason that has no code of its own; the message says it.",
    ("INTERNAL", 500): "A defect of ours; the request id is in the server's log: report it with that.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One code with a status, and all that it is used to say."""

    code: str
    status: int
    meanings: tuple[str, ...]


def table() -> list[Row]:
    """By status, then by code."""
    found: dict[tuple[str, int], list[str]] = {key: [text] for key, text in OF_THE_EDGE.items()}
    for error in sorted(classes(), key=lambda error: (error.__module__, error.__name__)):
        told = found.setdefault((error.code, error.status), [])
        if (meaning := meaning_of(error)) not in told:
            told.append(meaning)
    ordered = sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    return [Row(code, status, tuple(meanings)) for (code, status), meanings in ordered]


def meaning_of(error: type[ServiceError]) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((inspect.getdoc(error) or "").partition("\n\n")[0].split())


def classes() -> set[type[ServiceError]]:
    """The family, wherever in our packages its members are."""
    for package in PACKAGES:
        _load(package)
    return {error for error in _below(ServiceError) if error.__module__.partition(".")[0] in PACKAGES}


def _load(package: str) -> None:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


def _below(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield error
    for child in error.__subclasses__():
        yield from _below(child)
