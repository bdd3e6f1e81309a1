"""A job as JSON, checked in its shape. The API knows the shapes, and says here how: services know no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: What a job's fields are when they are taken from JSON; refuses by field.
Reader = Callable[[Mapping[str, Any]], dict[str, Any]]
_readers: list[Reader] = []


def register(reader: Reader) -> Reader:
    """Make it the one that reads."""
    _readers[:] = [reader]
    return reader


def read(job: Mapping[str, Any]) -> dict[str, Any]:
    """As ``jobs.create`` takes it, with its ``schedules``."""
    (reader,) = _readers
    return reader(job)
