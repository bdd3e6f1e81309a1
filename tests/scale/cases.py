"""What is measured: every hot statement on rows that it finds, a whole planning pass and a whole admission round.

What is due is the same at every size: 500 schedules, 200 executions to ripen, a window of 50 to admit, 50 ends to hear of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import namedtuple_row

from jobs import sql
from jobs.engine import admission, dispatch, parking, planner, transitions
from jobs.engine.records import Fence, NewExecution, Problem, Tail
from jobs.rules import identity
from tests.scale.fill import WORKER
from tests.support import ids, one

DUE, RIPE, QUEUED, ENDED = 500, 200, 100, 50
BROKEN = Problem(code="EXECUTION_FAILED", message="it broke")
LINES = Tail(first_seq=1, lines=[["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]])
#: Of full jobs, whose parked executions stay parked: what they told of has not freed anything.
_ENDS = """
INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
SELECT carillon_child_id(carillon_floor_id(now()), gen_random_uuid()::text), tenant_id, 'execution.succeeded', id, '{}', now()
FROM job WHERE max_running = 1 LIMIT %s
"""
Action = Callable[[int], object]


def arrange(superuser: psycopg.Connection[Any]) -> Rows:
    """Make due what is to be due, publish some, and return the rows that the statements are run with."""
    superuser.execute("UPDATE schedule SET due_at = NULL, state = 'ended' WHERE due_at < now() + interval '10 minutes'")
    ids = "SELECT md5('schedule' || n)::uuid FROM generate_series(1, %s) n"
    superuser.execute(
        f"""UPDATE schedule SET due_at = now(), next_run_at = now(), planned_until = now() - interval '1 second', kind = 'cron',
            expression = %s, timezone = 'UTC', interval_seconds = NULL, start_at = NULL, misfire_grace_seconds = 3600,
            state = 'active' WHERE id IN ({ids})""",
        [f"{_now():%S %M %H} * * *", DUE],
    )
    superuser.execute("UPDATE execution SET not_before = now() WHERE id IN (SELECT id FROM execution WHERE state = 'scheduled' ORDER BY not_before LIMIT %s)", [RIPE])  # fmt: skip
    published = "SELECT id FROM execution WHERE state = 'pending' AND waiting_on = '' ORDER BY id LIMIT %s"
    present = superuser.execute("SELECT count(*) FROM execution WHERE state = 'queued'").fetchone()
    superuser.execute(
        f"UPDATE execution SET state = 'queued', queued_at = now(), publish_again_at = now() WHERE id IN ({published})",
        [QUEUED - (present[0] if present else 0)],
    )
    superuser.execute("UPDATE worker SET concurrency = %s WHERE id = %s", [QUEUED // 2 + 25, WORKER])
    superuser.execute("VACUUM (ANALYZE) execution, schedule, worker")
    return Rows(superuser)


class Rows:
    """Rows in each state, to be taken by the number of the run."""

    def __init__(self, superuser: psycopg.Connection[Any]) -> None:
        with superuser.cursor(row_factory=namedtuple_row) as cursor:
            found = {
                state: cursor.execute("SELECT id, tenant_id, job_id FROM execution WHERE state = %s LIMIT 100", [state]).fetchall()
                for state in ("scheduled", "pending", "queued", "running")
            }  # fmt: skip
            self.horizon: str = (
                cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid").fetchone().xid
            )
            cursor.execute(_ENDS, [ENDED])
            self.schedules = cursor.execute(
                "SELECT id, planned_until, next_run_at, due_at FROM schedule WHERE due_at <= now()"
            ).fetchall()
        self._found = found

    def __call__(self, state: str, run: int) -> Any:
        return self._found[state][run % len(self._found[state])]

    def fence(self, run: int) -> Fence:
        running = self("running", run).id
        return Fence(id=running, attempt_id=ids.child_of(running), epoch=1)


def cases(rows: Rows) -> Iterator[tuple[str, Action]]:
    """Every case by name."""
    yield from _planning(rows)
    yield from _admission(rows)
    yield from _work(rows)
    yield from _watch()


def _planning(rows: Rows) -> Iterator[tuple[str, Action]]:
    advanced = [{key: str(value) for key, value in row._asdict().items()} | {"state": "active", "problem": ""} for row in rows.schedules]  # fmt: skip
    new = [_new(rows("pending", number)) for number in range(50)]

    def create(run: int) -> None:
        transitions.create([NewExecution(**asdict(one) | {"id": identity.request_id(_now())}) for one in new])

    def plan(run: int) -> None:
        made = planner.plan_due()
        assert made == DUE, made

    yield (
        "lock_due_schedules, 500",
        lambda run: sql.run("lock_due_schedules", horizon=_now() + planner.AHEAD, only=None, limit=500),
    )
    yield "advance_schedules, 500", lambda run: sql.run("advance_schedules", rows=advanced)
    yield "create, 50", create
    yield "planning pass, 500 due", plan


def _new(like: Any) -> NewExecution:
    return NewExecution(
        id=like.id, tenant_id=like.tenant_id, job_id=like.job_id, revision=1, trigger="manual", not_before=_now(),
        queue_id="default", priority=5, timeout_seconds=60, max_attempts=3,
    )  # fmt: skip


def _admission(rows: Rows) -> Iterator[tuple[str, Action]]:
    def admit_all(run: int) -> None:
        seen = admission.Seen()
        seen.heard.keep(rows.horizon)
        with mock.patch.object(dispatch, "publish"):
            done = admission.admit_all(seen)
        assert done.admitted == 50, done

    def wake(horizon: str | None, page: int) -> Action:
        return lambda run: sql.run("wake_parked", horizon=horizon, after="", page=page)

    yield "wake_parked, 50 ended", wake(rows.horizon, 0)
    yield "wake_parked, a page of the sweep", wake(None, parking.PAGE)
    yield "ripen, 200", lambda run: transitions.ripen(now=_now(), limit=2000)[0]
    yield "capacity", lambda run: sql.run("capacity")
    yield "admit, 50", lambda run: transitions.admit(queue="default", room=50)
    yield "next_instants", lambda run: sql.run("next_instants")
    yield "admission round, 200 ripen, 50 admitted", admit_all


def _work(rows: Rows) -> Iterator[tuple[str, Action]]:
    def queued(run: int) -> UUID:
        return UUID(str(rows("queued", run).id))

    yield "claim", lambda run: one.claim(queued(run), attempt=1, worker_id=WORKER, worker="w", pid=1)
    yield "attend", lambda run: sql.run("attend", ids=[rows("running", run).id], epochs=[1])
    yield "append_log", lambda run: sql.run("append_log", id=rows("running", run).id, epoch=1, lines=sql.json(LINES.lines), first_seq=1)  # fmt: skip
    yield "end_running, succeed", lambda run: one.succeed(rows.fence(run), tail=LINES)
    yield "end_running, exhaust", lambda run: transitions.exhaust(rows.fence(run), BROKEN)
    yield "put_back, retry", lambda run: transitions.retry(rows.fence(run), BROKEN, delay=timedelta(seconds=1))
    yield "end_waiting, cancel", lambda run: transitions.cancel(rows("pending", run).id)
    yield "request_cancel", lambda run: transitions.cancel(rows("running", run).id)


def _watch() -> Iterator[tuple[str, Action]]:
    yield (
        "lost_owners",
        lambda run: sql.run(
            "lost_owners", after=UUID(int=0), lease=timedelta(seconds=30), late=timedelta(minutes=2), limit=500
        ),
    )
    yield "claimed_by", lambda run: sql.run("claimed_by", ids=[uuid4()], worker_id=uuid4(), pid=1)
    yield "queued_counts", lambda run: sql.run("queued_counts")
    yield "publish_again", lambda run: sql.run("publish_again", queue="default", limit=50)
    yield "held_of_deleted", lambda run: sql.run("held_of_deleted")
    yield "forget_workers", lambda run: sql.run("forget_workers")
    yield "expire_reservations", lambda run: sql.run("expire_reservations", limit=10_000)


def _now() -> datetime:
    return datetime.now(UTC)
