"""/health, /health/live, /health/ready."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from jobs import engines
from monitoring import health, selectors
from tests.support import rows


def pulse(**ages):
    for name, seconds in ages.items():
        rows.change(
            "INSERT INTO pulse VALUES (%s, clock_timestamp() - make_interval(secs => %s))"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at",
            name,
            seconds,
        )


@pytest.fixture
def well(empty_database, monkeypatch):
    """Everything works."""
    monkeypatch.setattr(engines, "STALE", timedelta(seconds=10))
    pulse(dispatch=0.5, ring=0.5)
    return rows.worker()


def asked():
    answer = Client().get("/health")
    return answer.status_code, answer.json()["checks"]


def test_platform_that_works_is_ok(well):
    status, checks = asked()
    assert status == 200
    assert {name: check["ok"] for name, check in checks.items()} == dict.fromkeys(
        ("database", "redis", "engine", "beat", "workers"), True
    )
    assert checks["workers"]["by_queue"] == {"default": 1}
    assert 0.5 <= checks["engine"]["tick_age_seconds"] < 10


@pytest.mark.parametrize(("part", "pulses"), [("engine", {"dispatch": 11}), ("beat", {"ring": 16})])
def test_part_that_has_not_been_heard_of_fails(well, part, pulses):
    pulse(**pulses)
    status, checks = asked()
    assert (status, checks[part]["ok"]) == (503, False)
    assert sum(not check["ok"] for check in checks.values()) == 1


def test_part_that_was_never_heard_of_fails(empty_database):
    _, checks = asked()
    assert checks["engine"] == {"ok": False, "tick_age_seconds": None}


def test_workers_whose_lease_ended_do_not_count(well):
    rows.change("UPDATE worker SET lease_expires_at = now() - interval '1 second'")
    status, checks = asked()
    assert (status, checks["workers"]) == (503, {"ok": False, "live": 0, "by_queue": {"default": 0}, "refuses": {}})


def test_redis_away_fails_without_its_address(well, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, checks = asked()
    assert (status, checks["redis"]) == (503, {"ok": False, "problem": "cannot be reached"})


def test_database_away_fails_and_is_all_that_can_be_said(monkeypatch):
    def broken():
        raise OperationalError("no route to 10.0.0.1")

    monkeypatch.setattr(selectors, "ages", broken)
    status, checks = asked()
    assert (status, checks["database"]["ok"]) == (503, False)
    assert "10.0.0.1" not in str(checks)


def test_live_answers_whatever_is_away(settings, monkeypatch):
    monkeypatch.setattr(health.transaction, "atomic", lambda: pytest.fail("asked the database"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert Client().get("/health/live").json() == {"status": "ok"}


def test_ready_when_the_database_has_every_migration(monkeypatch):
    monkeypatch.setattr(health, "_known", set())
    assert Client().get("/health/ready").status_code == 200


def test_not_ready_while_a_migration_is_missing(monkeypatch):
    monkeypatch.setattr(health, "_known", set())
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one"])
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()["error"]["code"], answer["Retry-After"]) == (503, "NOT_READY", "2")


def test_not_ready_while_the_database_is_away(monkeypatch):
    def broken():
        raise OperationalError

    monkeypatch.setattr(health, "_migrated", broken)
    assert Client().get("/health/ready").status_code == 503


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
def test_probes_answer_get_only_and_are_never_cached(path, empty_database):
    answer = Client().post(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "no-store" in Client().get(path)["Cache-Control"]


def test_what_live_workers_refuse_is_told_with_the_reasons(well):
    rows.worker(refuses='{"script": "no bubblewrap"}')
    rows.worker(refuses='{"script": "no namespaces"}')
    rows.worker(refuses='{"http": "gone"}', lease=-1)
    status, checks = asked()
    assert status == 200
    assert checks["workers"]["refuses"] == {"script": ["no bubblewrap", "no namespaces"]}
