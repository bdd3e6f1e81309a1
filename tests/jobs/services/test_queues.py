"""Making, changing and deleting queues, and who stands in the way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from jobs import errors, sql
from jobs.engine import admission, bystanders
from jobs.engine.admission import Seen
from jobs.models import Queue
from jobs.rules.batches import LEAST_SAMPLES
from jobs.rules.states import TERMINAL, State
from jobs.services import queues
from jobs.services.queues import QueueFields
from tenants.errors import Invalid, NotFound
from tests.support import broker, logins, many, rows, servers
from tests.support.actors import platform


@pytest.fixture
def queue() -> Queue:
    """A queue, unused."""
    name = f"q-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, created_at=rows.now())
    with platform():
        return Queue.objects.get(pk=name)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for nobody who is not gone already."""
    look = bystanders.are_gone
    monkeypatch.setattr(bystanders, "are_gone", lambda: look(timedelta(0)))


@pytest.fixture
def reader() -> Iterator[Any]:
    """Somebody in the midst of a transaction that has read jobs."""
    with servers.superuser() as connection:
        connection.autocommit = False
        connection.execute("SELECT count(*) FROM job")
        yield connection
        connection.rollback()


def update(queue: Queue, **fields: Any) -> Queue:
    with platform():
        return queues.update(queue=queue, fields=QueueFields(**fields))


def delete(queue: Queue) -> None:
    with platform():
        queues.delete(queue=queue)


def trail(queue: Queue) -> list[Any]:
    return rows.fetch("SELECT action, changes FROM audit_event WHERE object_id = %s ORDER BY id", queue.pk)


def is_there(queue: Queue) -> bool:
    return bool(rows.fetch("SELECT 1 FROM queue WHERE name = %s", queue.pk))


def test_the_trail_tells_old_and_new_values(queue: Queue) -> None:
    update(queue, batch_size=1, rate_limit="5/s")
    update(queue, batch_size=1, rate_limit="5/s")
    delete(queue)
    (action, changed), (deleted, gone) = trail(queue)
    assert (action, changed) == ("queue.updated", {"batch_size": [50, 1], "rate_limit": ["", "5/s"]})
    assert (deleted, gone["name"], gone["batch_size"]) == ("queue.deleted", [queue.pk, None], [1, None])


@pytest.mark.parametrize("name", ["Reports", "a--b", "-a", "a_b", "a.b", "a\n", "", "é"])
def test_a_name_that_is_none_is_refused_by_its_field(name: str) -> None:
    with platform(), pytest.raises(Invalid) as refused:
        queues.create(name=name, fields={})
    assert list(refused.value.details) == ["name"]


@pytest.mark.parametrize(
    ("field", "wrong"), [("batch_size", 0), ("batch_size", 501), ("pool", "gevent"), ("max_running", 0)]
)
def test_a_value_out_of_range_is_refused_by_its_field(queue: Queue, field: str, wrong: Any) -> None:
    with pytest.raises(Invalid) as refused:
        update(queue, **{field: wrong})
    assert list(refused.value.details) == [field]
    assert trail(queue) == []


@pytest.mark.parametrize("change", [lambda queue: update(queue, pool="threads"), delete], ids=["pool", "deletion"])
class TestWhatIsUsed:
    """Keeps its pool, and stays."""

    def test_by_a_job(self, queue: Queue, change: Any) -> None:
        rows.job(queue_id=queue.pk, state="disabled")
        with pytest.raises(errors.InvalidState, match="a job uses this queue"):
            change(queue)
        rows.job(queue_id=queue.pk)
        with pytest.raises(errors.InvalidState, match="2 jobs use this queue"):
            change(queue)

    @pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
    def test_by_an_execution_that_has_not_ended(self, queue: Queue, change: Any, state: str) -> None:
        rows.execution(rows.job(), state, queue_id=queue.pk)
        with pytest.raises(errors.InvalidState, match="have not ended"):
            change(queue)
        assert trail(queue) == []

    def test_perhaps_by_a_transaction_that_has_read_jobs(
        self, queue: Queue, change: Any, impatient: None, reader: Any
    ) -> None:
        with pytest.raises(errors.InvalidState, match="try again in a moment"):
            change(queue)
        reader.commit()
        change(queue)
        assert len(trail(queue)) == 1

    def test_by_what_ended_alone_no_longer(self, queue: Queue, change: Any) -> None:
        job = rows.job(queue_id=queue.pk, state="deleted")
        execution = rows.execution(job, "succeeded", queue_id=queue.pk)
        change(queue)
        assert rows.fetch("SELECT queue_id FROM execution WHERE id = %s", execution) == [(queue.pk,)]


def test_a_deleted_job_refers_to_default_when_its_queue_is_gone(queue: Queue) -> None:
    job, _ = rows.job(queue_id=queue.pk, state="deleted")
    delete(queue)
    assert rows.fetch("SELECT queue_id FROM job WHERE id = %s", job) == [("default",)]
    assert not is_there(queue)


def test_default_is_never_deleted() -> None:
    with pytest.raises(errors.InvalidState, match="it stays"):
        delete(Queue(name="default"))


def test_the_pool_of_an_unused_queue_changes(queue: Queue) -> None:
    assert update(queue, pool="threads").pool == "threads"


def test_a_pool_its_live_workers_do_not_have_is_refused(queue: Queue) -> None:
    worker = rows.worker(queues=(queue.pk,), pool="prefork", name="w7@test")
    with pytest.raises(Invalid, match="w7@test") as refused:
        update(queue, pool="threads")
    assert list(refused.value.details) == ["pool"]
    rows.change("UPDATE worker SET lease_expires_at = now() WHERE id = %s", worker)
    assert update(queue, pool="threads").pool == "threads"


def test_a_new_queue_takes_the_pool_of_the_workers_that_wait_for_it() -> None:
    name = f"q-{secrets.token_hex(4)}"
    rows.worker(queues=(name,), pool="threads")
    with platform(), pytest.raises(Invalid):
        queues.create(name=name, fields={})
    with platform():
        assert queues.create(name=name, fields={"pool": "threads"}).pool == "threads"


def test_what_was_deleted_meanwhile_is_not_found(queue: Queue) -> None:
    delete(queue)
    with pytest.raises(NotFound):
        update(queue, batch_size=1)


def test_a_running_engine_packs_by_the_batch_size_of_the_row_each_round(empty_database: None) -> None:
    job, queue = rows.job(), broker.queue(batch_size=50)
    rows.worker(queues=(queue.name,), concurrency=2)
    for _ in range(LEAST_SAMPLES):
        rows.execution(
            job, State.SUCCEEDED, started_at=rows.now() - timedelta(microseconds=100), finished_at=rows.now()
        )
    seen = Seen()

    def largest_message() -> tuple[int, int]:
        many.executions(job, 100, State.PENDING, queue_id=queue.name)
        seen.windows[queue.name].observe(0, slots=2, at=monotonic())
        seen.windows[queue.name].leave(100)  # so many were claimed just now: so wide is the window
        with logins.engine():
            ((told, admitted),) = [
                (row.batch_size, admission.admit_all(seen)) for row in sql.run("capacity") if row.slots
            ]
        assert admitted.admitted == 100
        sizes = [len(message.members) for message in queue.messages()]
        queue.take()
        rows.change("DELETE FROM execution WHERE state = 'queued'")
        return told, max(sizes)

    assert largest_message() == (50, 25)
    with platform():
        stored = Queue.objects.get(pk=queue.name)
    update(stored, batch_size=7)
    assert largest_message() == (7, 7)
    update(stored, batch_size=1)
    assert largest_message() == (1, 1)
