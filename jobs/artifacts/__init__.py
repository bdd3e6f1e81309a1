"""What executions leave behind beside their result: bytes in a store, and a row for each that says whose they are.

A row is made after its bytes are whole and durable, and deleted after they are gone. So a process may die at any
instant: half an artifact has no row and is swept, a row's bytes are there, and nothing is deleted that is told of.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from jobs.artifacts.bucket import Bucket
from jobs.artifacts.contract import Sink, Store
from jobs.artifacts.disk import Disk

__all__ = ["Sink", "Store", "store"]


def store() -> Store:
    """The installation's."""
    return _store(settings.ARTIFACTS_URL)


@lru_cache(maxsize=8)
def _store(place: str) -> Store:
    return Bucket(place) if "://" in place else Disk(Path(place))
