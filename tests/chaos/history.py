"""What happened, in the order it happened, as JSON lines on disk while it happens.

Every operation is there twice: ``invoke`` when it is called, then ``ok``, ``fail`` or ``info`` (nobody
knows). Faults are there as intervals, phases and processes as they begin and end.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from tests.chaos.checker.evidence import Fault, Operation


class History:
    """Thread-safe. ``operations``, ``faults`` and ``phases`` are what the checker gets."""

    def __init__(self, path: Path) -> None:
        self.operations: list[Operation] = []
        self.faults: list[Fault] = []
        self.phases: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._numbers = 0
        self._file = path.open("a", encoding="utf-8")

    def note(self, what: str, **details: Any) -> None:
        """A line of its own."""
        with self._lock:
            json.dump({"at": round(time.time(), 6), "what": what, **details}, self._file)
            self._file.write("\n")
            self._file.flush()

    def invoke(self, tenant: str, kind: str, target: str) -> int:
        """An operation is about to be called; returns its number."""
        with self._lock:
            self._numbers += 1
            number = self._numbers
        self.note("invoke", number=number, tenant=tenant, kind=kind, target=target)
        return number

    def complete(self, operation: Operation) -> None:
        """What became of it."""
        self.note(
            operation.outcome,
            number=operation.number,
            kind=operation.kind,
            target=operation.target,
            status=operation.status,
            **operation.data,
        )
        with self._lock:
            self.operations.append(operation)

    def fault(self, fault: Fault) -> None:
        """One that is over."""
        self.note("fault", kind=fault.kind, detail=fault.detail, began=fault.began, ended=fault.ended)
        with self._lock:
            self.faults.append(fault)

    def phase(self, name: str, began: float, ended: float) -> None:
        """One that is over."""
        self.note("phase", name=name, began=began, ended=ended)
        self.phases[name] = (began, ended)

    def close(self) -> None:
        self._file.close()
