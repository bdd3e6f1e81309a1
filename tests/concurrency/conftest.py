"""Real commits by real connections: as the engine, on an empty database and a queue of the test's own."""

from __future__ import annotations

import pytest

from tests.support import broker
from tests.support.broker import BrokerQueue


@pytest.fixture
def queue(as_engine: None, empty_database: None) -> BrokerQueue:
    """An open queue without workers."""
    return broker.queue()
