"""Executors are played over the API, on an empty database."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _empty(empty_database: None) -> None:
    """What the engine does concerns everybody's rows."""
