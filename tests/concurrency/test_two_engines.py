"""Two engines on one database: each slot once, each execution published once."""

from __future__ import annotations

from jobs.engine.timer import Timer
from tests.support import rows
from tests.support.processes import eventually

SCHEDULES = 20


def test_two_engines_plan_and_publish_each_slot_once(queue):
    rows.worker(queues=(queue.name,), concurrency=500)
    for _ in range(SCHEDULES):
        rows.schedule(rows.job(queue_id=queue.name))
    engines = [Timer(), Timer()]
    for engine in engines:
        engine.start()
    assert eventually(lambda: len(queue.messages()) > 3 * SCHEDULES, seconds=300)
    for engine in engines:
        engine.stop()
        engine.join(60)
        assert not engine.is_alive()
    published = queue.ids()
    assert len(published) == len(set(published))
    assert set(published) == {row[0] for row in rows.fetch("SELECT id FROM execution WHERE state = 'queued'")}
    assert rows.fetch(
        """SELECT DISTINCT slots = distinct_slots, slots = span FROM (
               SELECT count(*) AS slots, count(DISTINCT scheduled_for) AS distinct_slots,
                   extract(epoch FROM max(scheduled_for) - min(scheduled_for))::int + 1 AS span
               FROM execution GROUP BY schedule_id) per_schedule"""
    ) == [(True, True)]
