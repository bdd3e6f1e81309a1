from __future__ import annotations

import json
import os
import re
import signal
import stat
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from scheduler_project.env import ROOT
from scheduler_project.local import leash, ports, postgres, throwaway
from scheduler_project.local.home import Home
from tests.scheduler_project.local import rehearsal
from tests.scheduler_project.local.terminal import Terminal, eventually, is_running

Run = Callable[..., Terminal]


@pytest.fixture
def home(tmp_path: Path, run: Run) -> Iterator[Home]:
    """A CARILLON_HOME that is reset after the test."""
    home = Home(tmp_path / "home")
    yield home
    assert command(run, "reset", home).ends() == 0


@dataclass(frozen=True)
class Running:
    home: Home
    terminal: Terminal
    port: int
    flower_port: int

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=30).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, run_for_all: Run) -> Iterator[Running]:
    """An installation that several tests look at; each leaves it running."""
    home, port, flower_port = Home(tmp_path_factory.mktemp("up") / "home"), ports.free(), ports.free()
    named = {"PORT": str(port), "FLOWER_PORT": str(flower_port), "CARILLON_CALLABLES": '["shop.jobs"]'}
    terminal = started(run_for_all, home, **named)
    yield Running(home, terminal, port, flower_port)
    assert command(run_for_all, "reset", home).ends() == 0
    assert terminal.ends() == 0


def command(run: Run, name: str, home: Home) -> Terminal:
    return run("-m", "scheduler_project.local", name, CARILLON_HOME=str(home.path))


def start(run: Run, home: Home, **env: str) -> Terminal:
    """Brings an installation up, on free ports unless ``env`` says otherwise."""
    chosen = {"PORT": str(ports.free()), "FLOWER_PORT": str(ports.free())} | env
    return run(rehearsal.__file__, CARILLON_HOME=str(home.path), **chosen)


def started(run: Run, home: Home, **env: str) -> Terminal:
    terminal = start(run, home, **env)
    terminal.shows("Ctrl-C stops everything")
    return terminal


def credentials(home: Home) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(home.credentials.read_text())
    return content


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_start_ends_in_a_greeting(running: Running) -> None:
    known = credentials(running.home)
    assert known["url"] == f"http://127.0.0.1:{running.port}"
    assert known["flower_url"] == f"http://127.0.0.1:{running.flower_port}"
    assert "migrated 1 times as carillon_owner" in running.terminal.text
    for shown in (known["api_key"], known["admin"]["email"], known["admin"]["password"], f"{known['url']}/admin/"):
        assert shown in running.terminal.text
    assert '"expression": "* * * * * *"' in running.terminal.text


def test_jobs_that_code_declares_are_brought_up_to_date_and_a_refusal_stops_nothing_else(running: Running) -> None:
    assert "refused for local" in running.terminal.text
    assert running.answers()


def test_secrets_are_in_private_files_alone(running: Running) -> None:
    home, known = running.home, credentials(running.home)
    files = (home.credentials, home.secrets, home.environments)
    assert [mode(home.path), *map(mode, files)] == [0o700, 0o600, 0o600, 0o600]
    secrets = {known["api_key"], known["admin"]["password"], *json.loads(home.secrets.read_text()).values()}
    logs = "".join(path.read_text() for path in home.logs.iterdir())
    assert not [secret for secret in secrets if secret in logs]


@pytest.mark.parametrize(
    ("role", "asked_for", "status", "told"),
    [
        ("app", "diffsettings", 0, "carillon_app"),
        ("app", "rewrap_secrets", 1, "needs the engine's log-in"),
        ("engine", "rewrap_secrets", 1, "does not exist"),  # of the rehearsal's tables, which it has asked for
    ],
)
def test_a_command_of_manage_is_run_with_the_environment_of_what_runs(
    run: Run, running: Running, tmp_path: Path, role: str, asked_for: str, status: int, told: str
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "jobs.py").touch()
    where = {"CARILLON_HOME": str(running.home.path), "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    asked = run("-m", "scheduler_project.local", "--role", role, "manage", asked_for, **where)
    assert asked.ends() == status, asked.text
    assert told in asked.text


def test_a_command_of_manage_needs_what_runs(run: Run, tmp_path: Path) -> None:
    asked = run("-m", "scheduler_project.local", "manage", "check", CARILLON_HOME=str(tmp_path / "none"))
    assert asked.ends() == 1
    assert "start it with make up" in asked.text


def test_start_beside_a_running_one_says_where_it_is(run: Run, running: Running) -> None:
    second = start(run, running.home)
    assert second.ends() == 0
    assert f"Carillon is running already: http://127.0.0.1:{running.port}" in second.text
    assert running.answers()


def migrations(running: Running) -> int:
    return max(map(int, re.findall(r"migrated (\d+) times as carillon_owner", running.terminal.text)))


def test_restart_command_migrates_and_returns_when_each_process_is_another(run: Run, running: Running) -> None:
    old, migrated = re.findall(r"ready (\d+)", running.terminal.text)[-1], migrations(running)
    done = command(run, "restart", running.home)
    assert done.ends() == 0, done.text
    new = re.findall(r"ready (\d+)", running.terminal.text)[-1]
    assert new != old
    assert not is_running(int(old))
    assert is_running(int(new))
    assert migrations(running) == migrated + 1
    text = running.terminal.text
    assert text.index(f"migrated {migrated + 1} times") < text.index(f"ready {new}")


def test_restart_that_cannot_migrate_says_so_and_leaves_what_runs(run: Run, running: Running) -> None:
    web = re.findall(r"ready (\d+)", running.terminal.text)[-1]
    obstacle = running.home.logs / "obstacle"
    obstacle.touch()
    done = command(run, "restart", running.home)
    assert done.ends() == 1
    obstacle.unlink()
    assert "Nothing has been restarted" in done.text
    assert "there is an obstacle" in done.text
    assert is_running(int(web))
    assert command(run, "restart", running.home).ends() == 0


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_crashed_server_comes_back_under_its_address(running: Running, server: str) -> None:
    data = {"postgres": running.home.postgres, "valkey": running.home.valkey}[server]
    pid = postgres.running_pid(data) or leash.inhabitants(data)[0]
    os.kill(pid, signal.SIGKILL)
    running.terminal.shows(f"{server} has ended; starting it again")
    eventually(running.answers, "the web process's answer")


def test_second_start_goes_on_where_it_was(run: Run, home: Home) -> None:
    first = started(run, home)
    before = credentials(home)
    saved = home.secrets.read_text(), home.ports.read_text()
    assert command(run, "down", home).ends() == 0
    assert first.ends() == 0
    again = run(rehearsal.__file__, CARILLON_HOME=str(home.path))
    again.shows("Ctrl-C stops everything")
    assert "migrated 2 times" in again.text
    assert credentials(home) == before
    assert (home.secrets.read_text(), home.ports.read_text()) == saved


def test_taken_ports_are_replaced_and_said(run: Run, home: Home) -> None:
    with ports.bind(0) as web, ports.bind(0) as flower:
        web.listen()
        flower.listen()
        terminal = started(run, home, PORT=str(ports.number(web)), FLOWER_PORT=str(ports.number(flower)))
        assert f"Port {ports.number(web)} is taken: The web process is on" in terminal.text
        assert f"Port {ports.number(flower)} is taken: Flower is on" in terminal.text
        urllib.request.urlopen(f"{credentials(home)['url']}/health/ready", timeout=30).close()


def test_killed_installation_leaves_no_program_and_the_next_start_takes_postgres_over(run: Run, home: Home) -> None:
    first = started(run, home)
    web = int(re.findall(r"ready (\d+)", first.text)[0])
    server = postgres.running_pid(home.postgres)
    first.send(signal.SIGKILL)
    eventually(lambda: not is_running(web), "the web process's end")
    eventually(lambda: not leash.inhabitants(home.valkey), "Valkey's end")
    second = started(run, home)
    assert postgres.running_pid(home.postgres) == server
    assert "migrated 2 times" in second.text


def test_down_stops_a_server_that_a_killed_installation_has_left(run: Run, home: Home) -> None:
    started(run, home).send(signal.SIGKILL)
    eventually(lambda: home.holder() is None, "the supervisor's end")
    assert command(run, "down", home).ends() == 0
    assert leash.inhabitants(home.postgres) == []


def test_reset_deletes_everything(run: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    terminal = started(run, home)
    data = home.postgres.parent
    assert command(run, "reset", home).ends() == 0
    assert terminal.ends() == 0
    assert not home.path.exists()
    assert not data.exists()


def test_folder_of_somebody_elses_files_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    terminal = start(run, Home(tmp_path))
    assert terminal.ends() == 1
    assert "holds other files" in terminal.text
    assert command(run, "reset", Home(tmp_path)).ends() == 0
    assert (tmp_path / "thesis.txt").exists()


def test_named_servers_are_used_instead_of_embedded_ones(run: Run, home: Home) -> None:
    with throwaway.postgres() as database, throwaway.valkey() as broker:
        terminal = started(run, home, DATABASE_URL=database.url(), REDIS_URL=broker.url())
        assert not home.postgres.exists()
        assert not home.valkey.exists()
        with psycopg.connect(database.url("carillon")) as connection:
            assert connection.execute("SELECT count(*) FROM migration").fetchone() == (1,)
        with redis.Redis.from_url(broker.url()) as client:
            assert client.info("commandstats")["cmdstat_ping"]["calls"] >= 1
        terminal.send(signal.SIGTERM)
        assert terminal.ends() == 0


def test_stop_on_the_way_up_stops_the_servers(run: Run, home: Home) -> None:
    terminal = start(run, home)
    terminal.shows("PostgreSQL answers")
    terminal.send(signal.SIGTERM)
    terminal.ends()
    assert leash.inhabitants(home.postgres) == []
    assert home.holder() is None


def test_wrong_setting_is_named(run: Run, home: Home) -> None:
    terminal = run("-m", "scheduler_project.local", "up", CARILLON_HOME=str(home.path), PORT="eighty")
    assert terminal.ends() == 1
    assert "PORT" in terminal.text
