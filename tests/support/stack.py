"""A whole Carillon in real processes, for tests that kill some of them.

    with stack.running(urls, postgres, valkey, folder) as carillon:
        carillon.start("web", "beat", "engine", "worker")
        carillon.api.post("jobs", {...})
        carillon.kill("worker")

Commands and environments are those of `make up`; nothing supervises, so what is killed stays dead.
Start processes from the main thread: each is tied to the life of the thread that started it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import namedtuple_row

from scheduler_project.env import ROOT, Env
from scheduler_project.local import ports, processes, service_user
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.roles import Urls
from scheduler_project.local.valkey import Valkey
from tests.support.patience import Patience
from tests.support.stack_api import Api
from tests.support.stack_member import Member

T = TypeVar("T")

ROLES = ("web", "beat", "engine", "worker")


class Stack:
    """Roles are "web", "beat", "engine" and "worker"; several processes of a role may run."""

    def __init__(self, site: processes.Site, postgres: Postgres, valkey: Valkey, listener: socket.socket) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.folder = site.env.home
        self._turn = 0
        self._members: list[Member] = []
        made = processes.programs(
            site, listener=listener.fileno(), flower_port=0, flower_login="nobody:", flower_cookie=""
        )
        self._programs = {program.name: program for program in made}
        self._connection: psycopg.Connection[Any] | None = None
        self.key: str = _seed(site)["api_key"]
        self.url = site.url
        self.api = Api(self.url, self.key)

    def configure(self, role: str, *, environment: Mapping[str, str] | None = None, **arguments: str) -> None:
        """Change what the next process of a role is started with, such as ``concurrency="4"``."""
        program = self._programs[role]
        argv = [_replaced(argument, arguments) for argument in program.argv]
        self._programs[role] = dataclasses.replace(program, argv=argv, env={**program.env, **(environment or {})})

    def environment(self, role: str) -> dict[str, str]:
        """What the next process of a role is told."""
        return dict(self._programs[role].env)

    def start(self, *roles: str) -> list[Member]:
        """Start one process of each role; returns when all say they are ready."""
        started = [self.launch(role) for role in roles]
        for member in started:
            member.wait_ready()
        return started

    def launch(self, role: str) -> Member:
        """Start a process without waiting for it."""
        program = self._programs[role]
        self._turn += 1
        member = Member(program, self._turn, self.folder / f"{self._turn:02}-{program.name}.log")
        self._members.append(member)
        return member

    def members(self, role: str) -> list[Member]:
        """The living processes of a role, oldest first."""
        return [member for member in self._members if member.role == role and member.alive]

    def the(self, role: str) -> Member:
        """The only living process of a role."""
        (member,) = self.members(role)
        return member

    def complete(self) -> None:
        """Make it one living process of each role again, whatever has been done to them."""
        for role in ROLES:
            for surplus in self.members(role)[1:]:
                surplus.end(signal.SIGKILL)
        self.start(*(role for role in ROLES if not self.members(role)))

    def kill(self, role: str) -> None:
        """``kill -9`` of a role's oldest process; returns when it is gone."""
        self.members(role)[0].end(signal.SIGKILL)

    def restart(self, role: str) -> None:
        """SIGTERM, wait for the end, start anew: a pause in service."""
        self.the(role).end(signal.SIGTERM)
        self.start(role)

    def replace(self, role: str) -> None:
        """A new process up before the old one goes."""
        old = self.the(role)
        self.start(role)
        old.end(signal.SIGTERM)

    def query(self, query: str, *parameters: Any) -> list[Any]:
        """Rows as the superuser sees them."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self.postgres.url("carillon"), autocommit=True, row_factory=namedtuple_row
            )
        cursor = self._connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []

    def disconnect(self) -> None:
        """Before the database goes away; the next query connects anew."""
        if self._connection is not None:
            self._connection.close()

    def value(self, query: str, *parameters: Any) -> Any:
        """The first column of the first row."""
        return self.query(query, *parameters)[0][0]

    def logs(self, lines: int = 30) -> str:
        """The end of what each process has printed."""
        return "\n".join(f"--- {member.log}\n{member.tail(lines)}" for member in self._members)

    def close(self) -> None:
        """Kill everything. What a clean end does is another test's subject."""
        for member in self._members:
            member.end(signal.SIGKILL)
        self.api.close()
        self.disconnect()


@contextlib.contextmanager
def running(urls: Urls, postgres: Postgres, valkey: Valkey, folder: Path, **environment: str) -> Iterator[Stack]:
    """A stack with no process yet; ``folder`` keeps their logs, ``environment`` is added to all of them."""
    user = service_user.for_this_process(Env().service_user)
    with contextlib.ExitStack() as on_exit:
        listener = ports.listen(on_exit.enter_context(ports.bind(0)))
        site = processes.Site(
            env=Env().model_copy(update={"home": folder, "demo": False}),
            database=urls,
            redis_url=valkey.url(),
            secret_key="only for tests",
            encryption_keys=secrets.token_hex(32),
            url=f"http://127.0.0.1:{ports.number(listener)}",
            flower_url="",
            jobs_user=user.pw_name if user else "",
        )
        stack = Stack(site, postgres, valkey, listener)
        on_exit.callback(stack.close)
        for role in ROLES:
            stack.configure(role, environment=environment)
        yield stack


def _seed(site: processes.Site) -> dict[str, Any]:
    environment = site.environment("app") | {"CARILLON_DEMO": "0"}
    command = [sys.executable, "-m", "scheduler_project.local.seed"]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    seeded: dict[str, Any] = json.loads(done.stdout)
    return seeded


def _replaced(argument: str, values: Mapping[str, str]) -> str:
    name = argument.removeprefix("--").partition("=")[0]
    return f"--{name}={values[name]}" if name in values else argument


def wait_for(condition: Callable[[], T], seconds: float, what: str, *, every: float = 0.1) -> T:
    """The condition's first true answer; fails, saying what did not happen, when patience is at its end."""
    patience = Patience(seconds)
    while not (answer := condition()):
        assert not patience.over, f"within {seconds:g} s, or more on a busy machine, this did not happen: {what}"
        time.sleep(every)
    return answer
