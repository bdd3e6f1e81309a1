"""The static entries: RedBeat rings, and holds no schedule of a user's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.engine import dispatch
from scheduler_project import celery
from tasks import beat
from tasks import dispatch as ticks
from tests.support import rows


def test_every_entry_is_a_task_of_ours_on_the_engines_queue():
    celery.app.loader.import_default_modules()
    assert {entry["task"] for entry in beat.ENTRIES.values()} <= set(celery.app.tasks)
    assert {entry["options"]["queue"] for entry in beat.ENTRIES.values()} == {dispatch.ENGINE_QUEUE}


def test_ring_comes_each_second_and_is_worth_nothing_later():
    ring = beat.ENTRIES["dispatch"]
    assert (ring["task"], ring["schedule"]) == (dispatch.RING, timedelta(seconds=1))
    assert ring["options"]["expires"] <= 15
    assert ring["options"]["ignore_result"]


def test_celery_is_configured_with_exactly_these_entries():
    assert celery.app.conf.beat_schedule == beat.ENTRIES


@pytest.mark.usefixtures("as_engine", "empty_database")
@pytest.mark.parametrize(("origin", "told"), [("beat", [("ring",)]), ("", [])])
def test_beats_own_ring_leaves_a_pulse(origin, told):
    ticks.tick(origin)
    assert rows.fetch("SELECT name FROM pulse") == told
