"""The engine's tests act as the engine, on an empty database and a queue of their own in the real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from tests.support import broker
from tests.support.broker import BrokerQueue


@pytest.fixture
def queue(empty_database: None) -> BrokerQueue:
    """An open queue without workers."""
    return broker.queue()


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Starts an action in a thread of its own, with its own connection."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit
        pool.submit(connections.close_all).result()
