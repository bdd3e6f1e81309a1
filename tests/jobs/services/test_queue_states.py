"""Holding a queue and letting it go."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from jobs import errors
from jobs.models import Queue
from jobs.services import queue_states
from tenants.models import AuditEvent
from tests.support import rows
from tests.support.actors import platform


@pytest.fixture
def queue() -> Iterator[Queue]:
    """A queue, in a transaction that sees every tenant."""
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    with platform():
        yield Queue.objects.get(pk=name)


def test_a_paused_queue_can_only_be_resumed(queue: Queue) -> None:
    assert queue_states.allowed_actions(queue) == ["pause"]
    paused = queue_states.pause(queue=queue)
    assert paused.paused_at is not None
    assert queue_states.allowed_actions(paused) == ["resume"]
    with pytest.raises(errors.InvalidState) as refused:
        queue_states.pause(queue=paused)
    assert refused.value.details == {"state": "paused", "allowed_actions": ["resume"]}


def test_resuming_is_told_with_since_when_it_was_paused(queue: Queue) -> None:
    paused = queue_states.pause(queue=queue)
    assert paused.paused_at is not None
    assert queue_states.resume(queue=queue).paused_at is None
    event = AuditEvent.objects.filter(object_type="queue", object_id=queue.pk).latest("id")
    assert (event.action, event.changes) == ("queue.resumed", {"paused_at": [paused.paused_at.isoformat(), None]})
