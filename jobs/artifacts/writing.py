"""The file that a handler writes an artifact to."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from jobs.artifacts.contract import Sink
from jobs.handlers import HandlerError
from jobs.rules.codes import Failure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ArtifactFile(io.BufferedIOBase):
    """Binary, only to be written, from front to back. Closing it keeps nothing: the end of its block does."""

    def __init__(self, sink: Sink, *, name: str, content_type: str, most: int) -> None:
        self._sink, self._most = sink, most
        self._digest = hashlib.sha256()
        self.artifact, self.content_type, self.bytes = name, content_type, 0

    @property
    def reference(self) -> dict[str, Any]:
        """What a result holds of it."""
        return {
            "artifact": self.artifact,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "content_type": self.content_type,
        }

    @property
    def sha256(self) -> str:
        """Of what was written."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """All of it; a HandlerError with RESOURCE_LIMIT once it is more than an artifact may have."""
        if self.closed:
            raise ValueError("the artifact is closed")
        view = memoryview(data).cast("B")
        if self.bytes + len(view) > self._most:
            raise HandlerError(
                f"the artifact {self.artifact} has more than {self._most} bytes, and there is room for no more",
                code=Failure.RESOURCE_LIMIT,
            )
        self._sink.write(view)
        self._digest.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self.bytes
