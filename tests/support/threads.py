"""Doing things at the same time, each thread on its own connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(actions: Sequence[Callable[[], T]]) -> list[T]:
    """What each of the actions returned. They begin at the same moment; the first exception is raised here."""
    barrier = threading.Barrier(len(actions), timeout=60)

    def act(action: Callable[[], T]) -> T:
        try:
            barrier.wait()
            return action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(act, action) for action in actions]]
