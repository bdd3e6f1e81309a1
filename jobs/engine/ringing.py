"""Resident threads that sleep until something may have become due."""

from __future__ import annotations

import threading


class RungThread(threading.Thread):
    """Runs until :meth:`stop`. :meth:`ring` may be called from any thread."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._rung = threading.Event()
        self._stopping = False

    def ring(self) -> None:
        """Something may have become due."""
        self._rung.set()

    def stop(self) -> None:
        """End after what is in progress."""
        self._stopping = True
        self._rung.set()
