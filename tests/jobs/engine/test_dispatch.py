"""What goes to the broker, and what happens when it cannot be reached."""

from __future__ import annotations

import os
import secrets
import threading
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction

from jobs.engine import dispatch
from scheduler_project import celery
from scheduler_project.local import ports
from tests.support import broker
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually


def row(**columns: Any) -> Any:
    return SimpleNamespace(**({"id": uuid4(), "attempt": 1, "timeout_seconds": 60.0} | columns))


def alone(row: Any) -> dispatch.Message:
    return dispatch.Message([row])


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where the broker should be."""
    nowhere = Celery(broker=f"redis://127.0.0.1:{ports.free()}/0", set_as_current=False)
    nowhere.conf.broker_transport_options = celery.app.conf.broker_transport_options
    monkeypatch.setattr(dispatch, "current_app", nowhere)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine's queue, under a name that no other test rings."""
    name = f"engine-{secrets.token_hex(4)}"
    monkeypatch.setattr(dispatch, "ENGINE_QUEUE", name)
    return lambda: broker.client.llen(name)


@pytest.fixture
def own_queue() -> BrokerQueue:
    """A name is enough for the broker."""
    return BrokerQueue(f"q-{secrets.token_hex(4)}")


def test_each_row_is_a_message_of_one_member_in_order(own_queue):
    published = [row(), row(attempt=3)]
    assert dispatch.publish(own_queue.name, map(alone, published)) == 2
    messages = own_queue.messages()
    assert [message.members for message in messages] == [[(one.id, one.attempt)] for one in published]
    assert {(message.task, message.expires) for message in messages} == {(dispatch.EXECUTE, None)}
    assert dispatch.queue_length(broker.client, own_queue.name) == 2


def test_brokers_time_limit_lies_behind_timeout_and_grace(own_queue):
    dispatch.publish(own_queue.name, [alone(row(timeout_seconds=120.0))])
    (message,) = own_queue.messages()
    assert message.time_limit is not None
    assert message.time_limit > 120 + settings.CANCEL_GRACE.total_seconds()


def test_no_carillon_queue_is_one_of_our_own():
    assert dispatch.celery_queue(dispatch.ENGINE_QUEUE) != dispatch.ENGINE_QUEUE


@pytest.mark.usefixtures("unreachable")
def test_unreachable_broker_ends_publishing_and_raises_nothing(own_queue):
    assert dispatch.publish(own_queue.name, [alone(row()), alone(row())]) == 0
    dispatch.ring()
    assert eventually(lambda: not dispatch.bell.is_ringing)


def test_ring_is_sent_after_commit_and_not_after_a_rollback(rings):
    with transaction.atomic():
        dispatch.ring_after_commit()
        transaction.set_rollback(True)
    assert rings() == 0
    with transaction.atomic():
        dispatch.ring_after_commit()
        assert rings() == 0
    assert eventually(lambda: rings() == 1)


def test_nobody_who_rings_waits_for_a_broker_that_hangs(monkeypatch):
    """Many rings meanwhile are one."""
    asked, answers, sent = threading.Event(), threading.Event(), []

    def hanging(task: str, **_: Any) -> None:
        asked.set()
        sent.append(answers.wait(30))

    monkeypatch.setattr(dispatch, "current_app", SimpleNamespace(send_task=hanging))
    dispatch.ring()
    assert asked.wait(30)
    for _ in range(5):
        dispatch.ring()
    assert sent == [], "nobody has waited"
    answers.set()
    assert eventually(lambda: not dispatch.bell.is_ringing)
    assert sent == [True, True]


def test_a_forked_process_has_a_bell_of_its_own(rings, monkeypatch):
    dispatch.ring()
    assert eventually(lambda: rings() == 1)
    sent: list[str] = []
    monkeypatch.setattr(dispatch, "current_app", SimpleNamespace(send_task=lambda task, **_: sent.append(task)))
    child = os.fork()
    if child == 0:
        dispatch.ring()
        os._exit(0 if eventually(lambda: sent) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.usefixtures("unreachable")
def test_transaction_commits_although_nobody_can_be_rung():
    with transaction.atomic():
        dispatch.ring_after_commit()
    assert not transaction.get_connection().in_atomic_block


def test_members_come_back_as_ids_and_numbers():
    execution = uuid4()
    assert dispatch.member_ids([(str(execution), 2)]) == [(execution, 2)]


@pytest.mark.parametrize("members", [[("'; DROP TABLE job", 1)], [(str(uuid4()), "two")], [str(uuid4())], [3]])
def test_members_that_name_no_row_are_refused(members):
    with pytest.raises((ValueError, TypeError)):
        dispatch.member_ids(members)
