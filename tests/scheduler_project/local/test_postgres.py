from __future__ import annotations

import os
import signal

import psycopg
import pytest

from scheduler_project.local import postgres, throwaway
from scheduler_project.local.errors import LocalError
from scheduler_project.local.postgres import Postgres
from tests.scheduler_project.local.terminal import eventually, is_running


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_wrong_password_is_refused_on_every_way_in() -> None:
    with throwaway.postgres() as server:
        wrong = server.url().replace(server.password, "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        methods = "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
        assert value(server.url(), methods) == ["scram-sha-256"]
        assert value(server.url(), "SHOW unix_socket_directories") == ""
        assert value(server.url(), "SHOW listen_addresses") == "127.0.0.1"


def test_text_is_unicode_sorted_by_code_point_whatever_the_machine() -> None:
    with throwaway.postgres() as server:
        locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
        assert value(server.url(), locale) == "b C.UTF-8"
        assert value(server.url(), "SELECT upper('ä')") == "Ä"


def test_only_throwaway_servers_give_up_durability(durable: Postgres) -> None:
    durable.start()
    assert [value(durable.url(), f"SHOW {name}") for name in postgres.FORGETFUL] == ["on", "on", "on"]
    with throwaway.postgres() as server:
        assert [value(server.url(), f"SHOW {name}") for name in postgres.FORGETFUL] == ["off", "off", "off"]


def test_committed_rows_survive_kill_9(durable: Postgres) -> None:
    durable.start()
    with psycopg.connect(durable.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = postgres.running_pid(durable.data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_running(pid), "the server's end")
    durable.start()
    assert postgres.running_pid(durable.data) != pid
    assert value(durable.url(), "SELECT answer FROM kept") == 42


def test_reused_pid_in_a_stale_pid_file_does_not_prevent_the_start(durable: Postgres) -> None:
    durable.start()
    pid_file = durable.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    durable.stop()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    durable.start()
    assert value(durable.url(), "SELECT 1") == 1


def test_running_server_is_taken_over_with_its_port(durable: Postgres) -> None:
    durable.start()
    pid = postgres.running_pid(durable.data)
    other = Postgres(durable.data, log=durable.log, password=durable.password, port=1)
    other.start()
    assert (postgres.running_pid(durable.data), other.port) == (pid, durable.port)
    other.stop()
    assert not durable.alive()


def test_interrupted_initialisation_is_begun_anew(durable: Postgres) -> None:
    partial = durable.data.with_name("data.partial")
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18\n")
    durable.start()
    assert not partial.exists()
    assert value(durable.url(), "SELECT 1") == 1


def test_failed_start_quotes_the_log(durable: Postgres) -> None:
    durable.start()
    durable.stop()
    with (durable.data / "postgresql.auto.conf").open("a") as configuration:
        configuration.write("nonsense = on\n")
    with pytest.raises(LocalError, match="nonsense"):
        durable.start()
