"""Canaries under two engines whose connections somebody kills: so many begin and no more, and the rest each once."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
from django.db import Error, connection

from jobs.engine import operations
from jobs.services.operation_kinds import KINDS
from tests.concurrency.test_operations_under_kills import KILL
from tests.support import actors, logins, many, rows
from tests.support import operations as support
from tests.support.threads import together

MANY, FIRST, SECONDS = 120, 7, 300

#: Seconds between two kills while there is progress.
QUICK = 0.05


def _engine(until: float) -> None:
    while _is_running() and time.monotonic() < until:
        try:
            operations.step(KINDS)
        except Error:
            connection.close()


def _is_running() -> bool:
    return bool(rows.fetch("SELECT 1 FROM operation WHERE state = 'running'"))


def _kill_and_end(state: str, until: float) -> None:
    """Kill connections now and then; the first few end so, once all of them have begun and were seen to be waited for."""
    looks, pause, stood = 0, QUICK, None
    while _is_running() and time.monotonic() < until:
        rows.fetch(KILL)
        # Seldom enough, whatever a step takes on this machine, that one is done in between.
        stands = rows.fetch("SELECT done, cursor, waiting_on FROM operation")
        pause, stood = (QUICK if stands != stood else 1.5 * pause), stands
        rows.change("UPDATE operation SET next_step_at = now() WHERE waiting_on = 'CANARY'")
        begun = rows.fetch("SELECT id FROM execution WHERE replay_of IS NOT NULL")
        assert len(begun) in (0, FIRST, MANY) or looks >= 3
        looks += len(begun) == FIRST
        if looks == 3:
            keys = [key for (key,) in begun]
            rows.change("UPDATE execution SET state = %s, finished_at = now() WHERE id = ANY(%s)", state, keys)
        time.sleep(pause)


@pytest.mark.parametrize(("state", "ended", "total"), [("succeeded", "succeeded", MANY), ("failed", "paused", FIRST)])
def test_the_first_few_begin_and_no_more_and_the_rest_once_each(
    empty_database: None, state: str, ended: str, total: int
) -> None:
    owner: Any = actors.owner()
    many.executions(rows.job(owner.tenant.id), MANY, "failed")
    operation = support.bulk(owner, "replay", filter={"state": ["failed"]}, canary=FIRST)
    until = time.monotonic() + SECONDS
    with logins.engine():
        together([partial(_engine, until), partial(_engine, until), partial(_kill_and_end, state, until)])
    told = support.seen(owner, operation)
    assert (told["state"], told["done"], len(told["canary"]["runs"])) == (ended, total, FIRST)
    of_each = rows.fetch("SELECT count(*), count(DISTINCT replay_of) FROM execution WHERE replay_of IS NOT NULL")
    assert of_each == [(total, total)]
