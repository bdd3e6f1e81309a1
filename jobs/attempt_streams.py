"""Streams that an attempt writes to: its output on the way to the log, and artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Masking(Protocol):
    """Takes pieces of a stream, and gives them back without secrets."""

    def feed(self, data: bytes) -> bytes:
        """What can be said now; what may be the beginning of a secret comes later."""

    def close(self) -> bytes:
        """The rest."""


class ArtifactWriter(Protocol):
    """Takes the bytes of an artifact, from front to back; any library may write to it as to a binary file."""

    def write(self, data: bytes, /) -> int:
        """All of them; RESOURCE_LIMIT beyond what an artifact may have."""

    @property
    def reference(self) -> Mapping[str, Any]:
        """For the result, once its block has ended: ``{"artifact": name, "bytes", "sha256", "content_type"}``."""
