"""Attempts run in the test's own process, attended by a quick attendant."""

from __future__ import annotations

import pytest

from tasks import attendant


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attendant looks and asks more often than in earnest."""
    monkeypatch.setattr(attendant, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(attendant, "ASK_EVERY", 0.05)
    attendant.start()
