"""Attempts run in the test's own process, attended by a quick attendant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks import attendant


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attendant looks and asks more often than in earnest."""
    monkeypatch.setattr(attendant, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(attendant, "ASK_EVERY", 0.05)
    attendant.start()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass for the attendant alone: so a limit is over when a test says so, however slow the machine is."""
    now, ahead = attendant.boot_time, [0.0]
    monkeypatch.setattr(attendant, "boot_time", lambda: now() + sum(ahead))
    return ahead.append
