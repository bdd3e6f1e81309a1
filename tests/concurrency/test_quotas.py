"""However many ask at once: a tenant never has one more than its quota, and gets what is free again."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from jobs import sql
from jobs.engine import planner, quotas
from jobs.rules.states import State
from jobs.services import room
from tenants.models import Tenant
from tests.support import actors, logins, many, rows
from tests.support.threads import together

ASKING = 24
HELD = "SELECT count(*) FROM {} WHERE tenant_id = %s"


def ask(path: str, api: Any, bodies: list[dict[str, Any]]) -> list[Any]:
    """Many clients at once; answers."""
    return together([partial(api.post, path, body) for body in bodies])


def codes(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.fixture
def job(owner: Any) -> Any:
    answer = owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy"})
    assert answer.status_code == 201, answer.content
    return answer.json()


def limit(owner: Any, **columns: int) -> None:
    for name, most in columns.items():
        rows.change(f"UPDATE tenant SET {name} = %s WHERE id = %s", most, owner.tenant.id)


def unfinished(owner: Any) -> int:
    return int(rows.fetch(HELD.format("execution") + " AND finished_at IS NULL", owner.tenant.id)[0][0])


def test_never_one_execution_more_than_the_quota(owner, job):
    limit(owner, max_unfinished=7)
    answers = ask("/api/v1/jobs/a/trigger", owner.api, [{}] * ASKING)
    assert codes(answers) == {202: 7, 409: ASKING - 7}
    assert unfinished(owner) == 7
    error = next(answer.json()["error"] for answer in answers if answer.status_code == 409)
    assert (error["code"], error["details"]) == ("QUOTA_EXCEEDED", {"quota": "unfinished", "limit": 7, "used": 7})


def test_what_ends_while_many_ask_makes_room_for_as_many(owner, job):
    limit(owner, max_unfinished=5)
    waiting = [row.json()["id"] for row in ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 5)]
    cancels = [partial(owner.api.post, f"/api/v1/executions/{execution}/cancel") for execution in waiting[:3]]
    together([*cancels, *[partial(owner.api.post, "/api/v1/jobs/a/trigger", {})] * ASKING])
    assert unfinished(owner) <= 5
    left = 5 - unfinished(owner)
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * ASKING))[202] == left
    assert unfinished(owner) == 5


def test_room_drawn_by_what_is_rolled_back_is_there_again(owner, job):
    limit(owner, max_unfinished=2)
    with actors.platform():
        tenant = Tenant.objects.get(pk=owner.tenant.pk)
        for _ in range(5):
            with transaction.atomic():
                quotas.draw(tenant)
                transaction.set_rollback(True)
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 6)) == {202: 2, 409: 4}


def test_replays_draw_from_the_same_room(owner, job):
    limit(owner, max_unfinished=3)
    ended = many.executions((job["id"], owner.tenant.id), 10, State.FAILED)
    answers = together([partial(owner.api.post, f"/api/v1/executions/{execution}/replay", {}) for execution in ended])
    assert codes(answers) == {202: 3, 409: 7}


@pytest.mark.parametrize("small", [room.SMALL, 0])
@pytest.mark.parametrize("path", ["jobs", "schedules"])
def test_never_one_job_or_schedule_more_than_the_quota(owner, job, path, small, monkeypatch):
    monkeypatch.setattr(room, "SMALL", small)
    limit(owner, max_jobs=4, max_schedules=4)
    rule = {"kind": "cron", "expression": "0 0 * * *"}
    bodies = [{"name": f"b{n}", "type": "dummy"} if path == "jobs" else {"job": "a", **rule} for n in range(ASKING)]
    answers = ask(f"/api/v1/{path}", owner.api, bodies)
    free = 3 if path == "jobs" else 4
    assert codes(answers) == {201: free, 409: ASKING - free}
    assert rows.fetch(HELD.format(path[:-1]), owner.tenant.id) == [(4,)]
    first = owner.api.get(f"/api/v1/{path}").json()["data"][0]["id"]
    assert owner.api.delete(f"/api/v1/{path}/{first}").status_code == 204
    assert (
        owner.api.post(f"/api/v1/{path}", bodies[-1] | {"name": "c"} if path == "jobs" else bodies[0]).status_code
        == 201
    )


def test_under_a_large_quota_what_is_there_is_counted_once_and_not_for_each_that_is_made(owner, job, monkeypatch):
    limit(owner, max_schedules=room.SMALL + 1)
    asked: list[str] = []
    run = sql.run
    monkeypatch.setattr(sql, "run", lambda name, **given: asked.append(name) or run(name, **given))
    body = {"job": "a", "kind": "cron", "expression": "0 0 * * *"}
    assert codes([owner.api.post("/api/v1/schedules", body) for _ in range(3)]) == {201: 3}
    assert (asked.count("count_schedules"), asked.count("take_room")) == (1, 3)
    limit(owner, max_schedules=room.SMALL + 2)  # a new quota is counted for anew
    assert codes([owner.api.post("/api/v1/schedules", body) for _ in range(2)]) == {201: 2}
    assert asked.count("count_schedules") == 2


def test_one_tenants_quota_is_no_others(owner, outsider, job):
    limit(owner, max_unfinished=0, max_jobs=1)
    assert outsider.api.post("/api/v1/jobs", {"name": "a", "type": "dummy"}).status_code == 201
    assert outsider.api.post("/api/v1/jobs/a/trigger", {}).status_code == 202
    assert owner.api.post("/api/v1/jobs/a/trigger", {}).status_code == 409


@pytest.mark.usefixtures("empty_database")
def test_slots_and_requests_together_stay_within_the_quota_and_every_slot_has_its_row():
    owner = actors.owner()
    assert owner.api.post("/api/v1/jobs", {"name": "a", "type": "dummy"}).status_code == 201
    limit(owner, max_unfinished=20)
    job = rows.fetch("SELECT id, tenant_id FROM job")[0]
    start = rows.now()
    for _ in range(30):
        rows.schedule(job)

    # The engine's log-in is the whole process's, so requests and planners take turns, each among many of their kind.
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 8)) == {202: 8}
    with logins.engine():
        together([planner.plan_due] * 4)
    slots = dict(rows.fetch("SELECT state, count(*) FROM execution WHERE trigger = 'schedule' GROUP BY state"))
    assert slots["scheduled"] == 12
    assert slots["skipped"] == sum(slots.values()) - 12 > 0
    assert rows.fetch("SELECT DISTINCT reason FROM execution WHERE state = 'skipped'") == [("QUOTA",)]
    assert rows.fetch("SELECT count(*) FROM event WHERE kind = 'execution.skipped'") == [(slots["skipped"],)]
    until = rows.fetch("SELECT min(planned_until) FROM schedule")[0][0]
    assert until > start
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 4)) == {409: 4}


def test_a_quota_of_the_installation_holds_where_a_tenant_has_none(owner, job, settings):
    settings.QUOTAS = {"unfinished": 1}
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 6)) == {202: 1, 409: 5}
    limit(owner, max_unfinished=3)
    assert codes(ask("/api/v1/jobs/a/trigger", owner.api, [{}] * 6)) == {202: 2, 409: 4}


def test_without_a_quota_nothing_is_asked_or_written(owner, job, monkeypatch):
    asked: list[str] = []
    run = sql.run
    monkeypatch.setattr(sql, "run", lambda name, **given: asked.append(name) or run(name, **given))
    assert owner.api.post("/api/v1/jobs/a/trigger", {}).status_code == 202
    assert owner.api.post("/api/v1/jobs", {"name": "b", "type": "dummy"}).status_code == 201
    assert "create" in asked
    assert not {"draw", "lock_quota", "count_jobs", "count_unfinished"} & set(asked)
    limit(owner, max_unfinished=9)
    assert owner.api.post("/api/v1/jobs/a/trigger", {}).status_code == 202
    assert asked.count("draw") == 1
