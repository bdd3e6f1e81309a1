"""Queues: what is in flight, who serves them, and holding them."""

from __future__ import annotations

import secrets

from jobs import selectors
from tests.support import console as support
from tests.support import rows
from tests.support.actors import platform
from tests.support.console import Console


def _queue() -> str:
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    return name


def test_a_queue_is_paused_and_resumed(console: Console) -> None:
    name = _queue()
    console.pressed("jobs_queue_pause", name)
    assert rows.fetch("SELECT paused_at IS NOT NULL FROM queue WHERE name = %s", name) == [(True,)]
    assert "drained" in support.text_of(console.page("jobs_queue_change", name))
    console.pressed("jobs_queue_resume", name)
    assert rows.fetch("SELECT paused_at FROM queue WHERE name = %s", name) == [(None,)]


def test_load_counts_what_is_in_flight_and_the_slots_of_live_workers() -> None:
    name, job = _queue(), rows.job()
    for state in ("queued", "running", "pending", "succeeded"):
        rows.execution(job, state, queue_id=name)
    rows.worker(queues=(name,), concurrency=3)
    rows.worker(queues=("default", name), concurrency=4, pool="threads")
    rows.worker(queues=(name,), concurrency=8, lease=-1)
    rows.worker(queues=(name,), concurrency=16, draining=True)
    with platform():
        queue = selectors.queues().get(pk=name)
        assert (queue.flying, queue.seats) == (2, 7)  # type: ignore[attr-defined]
