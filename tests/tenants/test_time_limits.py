"""PostgreSQL ends what lasts too long, on both log-ins, and everybody who may meet that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from jobs.engine import watchdog
from jobs.engine.leases import boot_time
from jobs.engine.timer import IDLE, Timer
from jobs.engine.transitions import Fence
from scheduler_project.local import roles
from tasks.patience import patiently
from tenants.middleware import TransactionMiddleware
from tests.support import logins, one, role_settings, rows, servers
from tests.support.processes import eventually

ROLES = ("app", "engine")


@pytest.fixture(params=ROLES)
def logged_in(request) -> Iterator[str]:
    with logins.role(request.param):
        yield request.param


@contextmanager
def limit(**milliseconds: int) -> Iterator[None]:
    """Shorter limits for this process's next connections; that the real ones are in force is another test's."""
    connection.close()
    with role_settings.of(ROLES, **milliseconds):
        try:
            yield
        finally:
            connection.close()


def sleep(seconds: float) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def stay_idle() -> None:
    """Do nothing in an open transaction until PostgreSQL has ended it, then go on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        assert eventually(lambda: not rows.fetch("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid), seconds=30)
        cursor.execute("SELECT 1")


def go_on_and_on() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute("SELECT pg_sleep(0.05)")


@pytest.mark.parametrize("role", ROLES)
def test_limits_are_in_force(role):
    with psycopg.connect(servers.URLS[role]) as connected:
        for name, value in roles.SETTINGS[role].items():
            if connected.info.server_version >= roles.SINCE.get(name, 0):
                assert connected.execute(f"SHOW {name}".encode()).fetchone() == (value,)


def test_a_statement_is_cut(logged_in):
    with limit(statement_timeout=50), pytest.raises(OperationalError, match="statement timeout"):
        sleep(30)


def test_a_wait_for_a_lock_is_cut(logged_in):
    job = rows.job()
    with limit(lock_timeout=50), psycopg.connect(servers.URLS["super"]) as holder:
        holder.execute("LOCK TABLE schedule IN ACCESS EXCLUSIVE MODE")
        assert job
        with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM schedule")


def test_an_idle_transaction_is_ended(logged_in):
    with limit(idle_in_transaction_session_timeout=50), pytest.raises(OperationalError, match="idle-in-transaction"):
        stay_idle()


def test_a_transaction_that_goes_on_and_on_is_ended(logged_in):
    if rows.fetch("SELECT current_setting('server_version_num')::int < 170000")[0][0]:
        pytest.skip("transaction_timeout is known since PostgreSQL 17")
    with limit(transaction_timeout=100), pytest.raises(OperationalError, match="transaction timeout"):
        go_on_and_on()


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("statement_timeout", lambda: sleep(30)),
        ("idle_in_transaction_session_timeout", stay_idle),
        ("transaction_timeout", go_on_and_on),
    ],
)
def test_a_request_that_was_ended_is_answered_as_unavailable(name, act):
    def view(request):
        act()
        return HttpResponse("done")

    with limit(**{name: 50}):
        answer = TransactionMiddleware(lambda request: HttpResponse()).process_view(
            RequestFactory().get("/"), view, (), {}
        )
    assert answer is not None
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    sleep(0)  # on a fresh connection


def test_a_row_somebody_else_holds_is_an_honest_answer(owner):
    job = owner.api.post("/api/v1/jobs", {"name": "held", "type": "dummy"}).json()
    with limit(lock_timeout=50), psycopg.connect(servers.URLS["super"]) as holder:
        holder.execute("SELECT 1 FROM job FOR UPDATE")
        answer = owner.api.post(f"/api/v1/jobs/{job['id']}/pause")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "TASK_LOCKED")
    assert owner.api.post(f"/api/v1/jobs/{job['id']}/pause").status_code == 200


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_the_engines_round_fails_is_logged_and_the_next_one_works():
    timer = Timer()
    with limit(lock_timeout=50), psycopg.connect(servers.URLS["super"]) as holder:
        holder.execute("LOCK TABLE schedule IN ACCESS EXCLUSIVE MODE")
        assert timer._safe_round() == IDLE
        holder.rollback()
        rows.schedule(rows.job(), due_at=rows.now())
        timer._safe_round()
    assert rows.fetch("SELECT count(*) > 0 FROM execution") == [(True,)]


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_a_finish_that_waits_too_long_is_tried_again():
    execution = rows.execution(rows.job(), "running")
    fence = Fence(id=execution, attempt_id=execution, epoch=1)
    with limit(lock_timeout=50), psycopg.connect(servers.URLS["super"]) as holder:
        holder.execute("SELECT 1 FROM execution WHERE id = %s FOR UPDATE", [execution])
        tries = []

        def finish():
            tries.append(1)
            if len(tries) == 2:
                holder.rollback()
            return one.succeed(fence)

        assert patiently(finish, until=boot_time() + 30)
    assert len(tries) == 2


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_the_watchdog_buries_nobody_for_its_own_transactions_end(monkeypatch):
    rows.execution(rows.job(), "running", worker_id=rows.dead_worker())
    monkeypatch.setattr(watchdog, "_recover", lambda row: stay_idle())
    with limit(idle_in_transaction_session_timeout=50), pytest.raises(OperationalError):
        watchdog.recover_lost()
    assert rows.fetch("SELECT state FROM execution") == [("running",)]
