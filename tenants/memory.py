"""What this process remembers for a while, by name."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """At most ``size`` things, each for its own length of time; for one too many the first one noted is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, T]] = {}

    def note(self, name: str, thing: T, *, seconds: float) -> None:
        """Remember it for that long from now."""
        with self._lock:
            self._known.pop(name, None)
            self._known[name] = (time.monotonic() + seconds, thing)
            if len(self._known) > self._size:
                del self._known[next(iter(self._known))]

    def get(self, name: str) -> T | None:
        """What was noted, if that is not over."""
        until, thing = self._known.get(name, (0.0, None))
        return thing if time.monotonic() < until else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
