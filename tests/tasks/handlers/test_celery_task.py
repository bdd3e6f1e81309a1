"""Tasks of a separate Celery app, run by a worker process of its own over a real Redis."""

from __future__ import annotations

import threading
from _thread import interrupt_main
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from jobs.engine import dispatch
from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from tasks import egress
from tasks.celery_apps import brokers, params
from tasks.celery_apps.params import CeleryTaskParams
from tasks.handlers.celery_task import CeleryTask
from tests.support import caches, celery_workers, contexts, databases, rabbitmq_server
from tests.support.contexts import RecordingContext
from tests.support.processes import eventually


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    celery_workers.on_redis()
    with contexts.recording(["127.0.0.1"], timeout=60, revealed={"broker": caches.fields(database=3)}) as recording:
        yield recording


@pytest.fixture
def theirs() -> Iterator[redis.Redis]:
    """A look into their Redis, which a worker is using."""
    server = caches.valkey()
    with redis.Redis(port=server.port, password=server.password, db=3) as client:
        yield client


def run(context: RecordingContext, task: str, *args: Any, **fields: Any) -> Any:
    fields = {"connection": "broker", **fields}
    return CeleryTask().run(CeleryTaskParams(task=task, args=list(args), **fields), context)


def failure(context: RecordingContext, task: str, *args: Any, **fields: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        run(context, task, *args, **fields)
    return caught.value


def test_result_of_a_task_comes_back(context: RecordingContext) -> None:
    result = run(context, "shop.add", 40, 2, kwargs={"more": "grün"})
    assert (result["state"], result["result"]) == ("SUCCESS", {"sum": 42, "more": "grün"})


def test_failure_of_a_task_comes_back_with_its_traceback(context: RecordingContext) -> None:
    error = failure(context, "shop.fail", "no such order")
    assert str(error) == "ValueError: no such order"
    assert error.tags == {"celery:FAILURE", "exception:ValueError"}
    (traceback,) = context.messages("task")
    assert "raise ValueError(message)" in traceback


def test_task_that_is_not_waited_for_runs_all_the_same(context: RecordingContext, tmp_path: Path) -> None:
    result = run(context, "shop.slow", str(tmp_path), 0, wait=False)
    assert result["state"] == "SENT"
    assert eventually((tmp_path / "done").exists)


def test_cancelled_job_revokes_its_task_while_that_runs(context: RecordingContext, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    canceller = threading.Thread(target=lambda: eventually(begun.exists) and context.stop.set())
    canceller.start()
    with pytest.raises(Cancelled):
        run(context, "shop.slow", str(tmp_path), 60)
    canceller.join()
    assert any("was revoked" in message for message in context.messages())
    # The worker's one process is free again: it was ended in the midst of its minute.
    context.stop.clear()
    assert run(context, "shop.add", 1, 1)["result"] == {"sum": 2}
    assert not (tmp_path / "done").exists()


def test_missing_worker_is_a_clear_timeout_and_leaves_nothing_that_would_run_later(
    context: RecordingContext, theirs: redis.Redis, tmp_path: Path
) -> None:
    theirs.delete("idle")
    error = failure(context, "shop.slow", str(tmp_path), 0, queue="idle", wait_seconds=0.5)
    assert (error.code, error.tags) == (Failure.TIMEOUT, {"timeout", "celery:no_result"})
    assert "1 messages wait in the queue idle: perhaps no worker reads it" in str(error)
    theirs.rpoplpush("idle", "celery")  # as if its worker came now: one process, one after the other
    assert run(context, "shop.add", 1, 1)["result"] == {"sum": 2}
    assert not (tmp_path / "begun").exists()


def test_own_server_is_reached_by_no_connection(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch, theirs: redis.Redis
) -> None:
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", caches.valkey().port)}))
    assert failure(context, "shop.add", 1, 1).code == Failure.UNSAFE_TARGET
    assert theirs.llen("celery") == 0


def test_own_broker_carries_tasks_of_others_without_a_connection(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers.settings, "REDIS_URL", caches.valkey().url(3))
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", caches.valkey().port)}))
    assert run(context, "shop.add", 40, 2, connection=None)["result"] == {"sum": 42}


def test_own_broker_takes_no_more_where_nobody_reads(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch, theirs: redis.Redis
) -> None:
    monkeypatch.setattr(brokers.settings, "REDIS_URL", caches.valkey().url(3))
    monkeypatch.setattr(brokers, "MOST_WAITING", 1)
    theirs.rpush("unread", "x")
    try:
        error = failure(context, "shop.add", 40, 2, connection=None, queue="unread", wait=False)
        assert (error.code, theirs.llen("unread")) == (Failure.RESOURCE_LIMIT, 1)
        run(context, "shop.add", 40, 2, queue="unread", wait=False)
        assert theirs.llen("unread") == 2
    finally:
        theirs.delete("unread")


def refused(task: str, allowed: tuple[str, ...] = ("*",), **fields: Any) -> set[str]:
    tenant: Any = SimpleNamespace(allowed_tasks=allowed, allowed_hosts=(), allowed_callables=())
    return set(CeleryTask().refusals(CeleryTaskParams(task=task, **fields), tenant))


@pytest.mark.parametrize(
    "task", ["tasks.run.execute", "tasks.dispatch.tick", "tasks.maintenance.prune", "celery.group"]
)
def test_carillons_own_tasks_are_refused_on_every_broker(task: str) -> None:
    assert refused(task) == refused(task, connection="broker") == {"task"}


def test_refused_queues_are_those_that_carillon_has() -> None:
    assert dispatch.ENGINE_QUEUE in params.OUR_QUEUES
    assert dispatch.celery_queue("x").startswith(params.OUR_PREFIX)


@pytest.mark.parametrize("queue", ["engine", "jobs.default", "jobs.", "unacked", "unacked_index", "unacked_mutex"])
def test_carillons_own_queues_are_refused(queue: str) -> None:
    assert refused("shop.add", queue=queue) == {"queue"}
    assert refused("shop.add", queue=queue, connection="broker") == set()


@pytest.mark.parametrize(
    "queue", ["", "a b", "carillon:limit:x", "redbeat:x", "_kombu.binding.celery", "jobs.a\x06\x169"]
)
def test_what_is_no_queue_but_another_key_is_refused(queue: str) -> None:
    with pytest.raises(ValidationError):
        CeleryTaskParams(task="shop.add", queue=queue)


def test_prefix_cannot_turn_a_queue_into_one_of_carillons() -> None:
    assert refused("shop.add", queue="default", key_prefix="jobs.") == {"key_prefix"}


@pytest.mark.parametrize(
    ("allowed", "task", "may"),
    [
        (("shop.*",), "shop.add", True),
        (("shop.add",), "shop.add", True),
        (("shop.add",), "shop.adder", False),
        ((), "shop.add", False),
        (("tasks.*", "*"), "tasks.run.execute", False),
    ],
)
def test_only_tasks_of_the_tenants_list_are_run(allowed: tuple[str, ...], task: str, may: bool) -> None:
    assert (refused(task, allowed, connection="broker") == set()) is may


def test_results_of_django_celery_results_are_read_from_their_table(
    context: RecordingContext, theirs: redis.Redis
) -> None:
    context.revealed = {**context.revealed, "results": databases.postgresql()}
    with databases.direct() as session:
        session.execute(
            "CREATE TABLE IF NOT EXISTS django_celery_results_taskresult "
            "(task_id text, status text, content_type text, result text, traceback text)"
        )
        session.execute("DELETE FROM django_celery_results_taskresult")

        def store() -> None:
            """What their worker would store, for the message that came."""
            assert eventually(lambda: theirs.llen("by-hand") == 1)
            message = theirs.rpop("by-hand")
            assert message is not None
            task_id = message.decode().split('"correlation_id": "')[1].split('"')[0]
            row = (task_id, "SUCCESS", "application/json", '{"sum": 42}', None)
            session.execute("INSERT INTO django_celery_results_taskresult VALUES (%s, %s, %s, %s, %s)", row)

        worker = threading.Thread(target=store)
        worker.start()
        result = run(context, "shop.add", 40, 2, queue="by-hand", result_connection="results")
        worker.join()
    assert result["result"] == {"sum": 42}


def test_result_that_is_no_json_says_what_to_set(context: RecordingContext, theirs: redis.Redis) -> None:
    theirs.delete("by-hand")

    def store() -> None:
        assert eventually(lambda: theirs.llen("by-hand") == 1)
        message = theirs.rpop("by-hand")
        assert message is not None
        task_id = message.decode().split('"correlation_id": "')[1].split('"')[0]
        theirs.set(f"celery-task-meta-{task_id}", b"\x80\x04pickle", ex=60)

    worker = threading.Thread(target=store)
    worker.start()
    assert "set result_serializer of its app to json" in str(failure(context, "shop.add", 1, 1, queue="by-hand"))
    worker.join()


def test_what_is_not_waited_for_takes_no_way_of_waiting() -> None:
    with pytest.raises(ValidationError, match="wait is false"):
        CeleryTaskParams(task="shop.add", wait=False, wait_seconds=5)


@pytest.mark.needs("rabbitmq-server")
def test_rabbitmq_carries_tasks_and_their_results(context: RecordingContext, tmp_path: Path) -> None:
    fields = rabbitmq_server.shared()
    context.revealed = {"broker": fields}
    error = failure(context, "shop.add", 1, 1, queue="nobody-declared-it")
    assert error.tags == {"rabbitmq", "unroutable"}
    url = f"amqp://{fields['user']}:{fields['password']}@127.0.0.1:{fields['port']}//"
    with celery_workers.running(url, "rpc://"):
        assert eventually(lambda: _is_read(context), 30)
        assert run(context, "shop.add", 40, 2)["result"] == {"sum": 42}
        canceller = threading.Thread(target=lambda: eventually((tmp_path / "begun").exists) and interrupt_main())
        canceller.start()
        with pytest.raises(KeyboardInterrupt):
            run(context, "shop.slow", str(tmp_path), 60)
        canceller.join()
        assert any("was revoked" in message for message in context.messages())
        assert run(context, "shop.add", 1, 1)["result"] == {"sum": 2}
    assert not (tmp_path / "done").exists()
    late = failure(context, "shop.add", 1, 1, wait_seconds=0.3)
    assert "1 messages wait in the queue celery, which 0 workers read" in str(late)


def test_cancelled_before_the_broker_has_confirmed_it_a_task_is_revoked(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = brokers._Redis.send

    def interrupted(self: Any, task: Any) -> None:
        send(self, task)
        raise KeyboardInterrupt

    monkeypatch.setattr(brokers._Redis, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(context, "shop.add", 1, 1, queue="by-nobody")
    assert any("was revoked" in message for message in context.messages())


def _is_read(context: RecordingContext) -> bool:
    """Whether a worker has declared its queue."""
    try:
        run(context, "shop.add", 1, 1, wait=False)
    except HandlerError:
        return False
    return True
