"""The processes' own command: what it refuses, and that both kinds become what Celery's command makes."""

from __future__ import annotations

import socket
import sys
from unittest import mock

import pytest
from celery.concurrency.prefork import TaskPool

from scheduler_project import celery, process


def started(*arguments: str) -> int:
    with mock.patch.object(sys, "argv", ["process", *arguments]):
        return process.main()


@pytest.mark.parametrize("missing", ["--hostname", "--queues", "--pool"])
def test_a_worker_must_be_told_everything(missing, capsys):
    given = ("--hostname=w@%h", "--queues=jobs.default", "--pool=prefork", "--concurrency=2")
    with pytest.raises(SystemExit) as ended:
        started("worker", *(each for each in given if not each.startswith(missing)))
    assert ended.value.code == 2
    assert missing in capsys.readouterr().err


def test_pools_nobody_has_tested_are_refused(capsys):
    with pytest.raises(SystemExit):
        started("worker", "--hostname=w@%h", "--queues=q", "--pool=gevent", "--concurrency=2")
    assert "invalid choice: 'gevent'" in capsys.readouterr().err


def test_a_worker_is_what_it_was_asked_to_be():
    with mock.patch.object(celery.app, "Worker") as worker:
        worker.return_value.exitcode = 7
        asked = (
            "--hostname=w@there",
            "--queues=jobs.a,jobs.b",
            "--pool=prefork",
            "--concurrency=3",
            "--loglevel=error",
        )
        assert started("worker", *asked) == 7
    told = worker.call_args.kwargs
    assert (told["hostname"], told["queues"], told["concurrency"]) == ("w@there", "jobs.a,jobs.b", 3)
    assert (told["pool"], told["loglevel"]) == (TaskPool, "ERROR")
    assert told["without_gossip"] is told["without_mingle"] is True


@pytest.mark.parametrize(("asked", "name"), [("w@%h", f"w@{socket.gethostname()}"), ("w@x-%d", None)])
def test_a_worker_has_the_name_of_its_host(asked, name):
    with mock.patch.object(celery.app, "Worker") as worker:
        worker.return_value.exitcode = 0
        started("worker", f"--hostname={asked}", "--queues=q", "--pool=prefork", "--concurrency=1")
    told = worker.call_args.kwargs["hostname"]
    assert "%" not in told
    assert name is None or told == name


def test_beat_rings_from_the_slim_app():
    # Not imported here: it takes Django's settings out of its process's environment.
    slim = mock.Mock()
    with mock.patch.dict(sys.modules, {"scheduler_project.ringing": slim}):
        assert started("beat") == 0
    slim.app.Beat.assert_called_once_with(loglevel="INFO")
    slim.app.Beat.return_value.run.assert_called_once_with()
