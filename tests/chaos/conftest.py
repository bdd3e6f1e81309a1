"""Servers for every test that plays something: made once, emptied by each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos import stand


@pytest.fixture(scope="session")
def servers() -> Iterator[stand.Servers]:
    """PostgreSQL as in production, Valkey."""
    with stand.servers() as running:
        yield running
