"""What a handler sees of its attempt."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from jobs.engine import leases
from jobs.engine.records import Claim
from jobs.handlers import Cancelled, PermanentFailure
from jobs.rules.codes import Failure
from tasks import context, revealing
from tasks.context import RunningContext
from tasks.journal import Journal


@pytest.fixture
def journal() -> Journal:
    return Journal(0)


@pytest.fixture
def running(journal: Journal) -> RunningContext:
    claim = Claim(
        id=uuid4(), attempt_id=uuid4(), tenant_id=uuid4(), tenant="acme", allowed_hosts=["a", "b"], allowed_callables=(), job_id=uuid4(), job="nightly",
        spec=None, payload=None, attempt=3, crashes=0, epoch=4, timeout_seconds=60.0, last_seq=0,
    )  # fmt: skip
    attended: Any = SimpleNamespace(deadline=leases.boot_time() + 60, interruption=None, is_ending=False)
    return RunningContext(claim, journal, attended)


def test_key_is_the_executions_id_whatever_the_attempt(running):
    assert running.idempotency_key == str(running.execution_id)
    assert running.attempt == 3


def test_remaining_time_runs_out_below_zero(running):
    assert 59 < running.remaining() <= 60
    running.deadline = leases.boot_time() - 1
    assert running.remaining() < 0


def test_it_knows_when_it_must_stop(running):
    assert not running.cancelled
    running._attended.interruption = Cancelled()
    assert running.cancelled


def test_no_attempt_before_the_first_is_asked_for(running, monkeypatch):
    monkeypatch.setattr(context.selectors, "earlier_result", lambda execution: f"of {execution}")
    assert running.earlier_result() == f"of {running.execution_id}"
    running.attempt = 1
    assert running.earlier_result() is None


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ("a text of some length", "is a text, and no connection"),
        ({"kind": "no longer known"}, "is no connection that can be used"),
        ({"kind": "redis", "colour": "red"}, "is no connection that can be used"),
    ],
)
def test_what_is_no_connection_fails_for_good_and_names_the_secret(running, monkeypatch, stored, says):
    monkeypatch.setattr(revealing.secrets, "reveal", lambda _, names: dict.fromkeys(names, stored))
    with pytest.raises(PermanentFailure, match=f"the secret warehouse {says}") as failed:
        running.connection("warehouse")
    assert failed.value.code == Failure.CONFIG_INVALID


@pytest.mark.parametrize(
    ("fraction", "message", "line"), [(0.25, "rows", "25% rows"), (0, "", "0%"), (7, "", "100%"), (-1, "", "0%")]
)
def test_progress_is_a_line_of_the_log(running, journal, fraction, message, line):
    running.progress(fraction, message)
    assert [stored[1:] for stored in journal.rest().lines] == [["info", "progress", line]]


def test_folder_is_private_the_same_at_each_call_and_removed(running):
    with running.cleaned_up():
        folder = running.folder()
        assert running.folder() == folder
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
    assert not folder.exists()


def test_nothing_is_made_for_a_handler_that_asks_for_no_folder(running, monkeypatch):
    monkeypatch.setattr(context.tempfile, "mkdtemp", pytest.fail)
    with running.cleaned_up():
        pass


def test_folders_of_killed_processes_are_swept_once_they_are_old(tmp_path, monkeypatch):
    monkeypatch.setattr(context.tempfile, "gettempdir", lambda: str(tmp_path))
    old, fresh, foreign = (tmp_path / name for name in ("carillon-attempt-old", "carillon-attempt-new", "other"))
    for folder in (old, fresh, foreign):
        folder.mkdir()
    for folder in (old, foreign):
        os.utime(folder, (0, 0))
    context.sweep_folders(older_than=3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["carillon-attempt-new", "other"]
