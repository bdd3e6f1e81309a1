"""Executors are played over the API, on an empty database."""

from __future__ import annotations

import pytest

from scheduler_project import celery  # noqa: F401 - as in every process of ours


@pytest.fixture(autouse=True)
def _empty(empty_database: None) -> None:
    """What the engine does concerns everybody's rows."""
