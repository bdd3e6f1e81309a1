"""What a process remembers: for its time, and not without end."""

from __future__ import annotations

import pytest

from tenants import memory
from tenants.memory import Memory


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    return now


def test_a_thing_is_known_for_its_time(clock):
    known = Memory(10)
    known.note("a", 1, seconds=5)
    clock[0] += 4.9
    assert known.get("a") == 1
    clock[0] += 0.1
    assert known.get("a") is None


def test_what_was_never_noted_is_not_known(clock):
    assert Memory(10).get("a") is None


def test_one_too_many_drives_out_the_one_noted_first(clock):
    known = Memory(3)
    for name in ("a", "b", "c", "a", "d"):
        known.note(name, name, seconds=60)
    assert [known.get(name) for name in "abcd"] == ["a", None, "c", "d"]
    assert len(known._known) == 3


def test_everything_can_be_forgotten(clock):
    known = Memory(3)
    known.note("a", 1, seconds=60)
    known.clear()
    assert known.get("a") is None
