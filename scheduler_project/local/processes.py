"""The processes of an installation on one machine: what each runs and what each is told.

Each gets the log-in of its own role and no other; secrets travel in the environment, never in
arguments, which every user of the machine can read.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Literal

from scheduler_project.env import Env
from scheduler_project.local.child import Program
from scheduler_project.local.roles import Urls

#: What only some of them are given, so that none of it is inherited from the shell.
_HANDED_OUT = {
    "DATABASE_URL",
    "REDIS_URL",
    "CARILLON_DATABASE_ROLE",
    "CARILLON_SECRET_KEY",
    "CARILLON_ENCRYPTION_KEYS",
    "CELERY_BROKER_URL",
}
#: Who writes or reads tenants' secrets.
_KEEPS_SECRETS = ("app", "engine")
#: What the demo's python job calls; an installation seeded with it goes on needing it.
EXAMPLES = "scheduler_project.local.examples"
Role = Literal["owner", "app", "engine"]


@dataclass(frozen=True)
class Site:
    """What the processes share. ``listener`` is the web process's listening socket, a file descriptor."""

    env: Env = field(repr=False)
    database: Urls = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption_keys: str = field(repr=False)
    url: str
    flower_url: str
    jobs_user: str

    def environment(self, role: Role | None) -> dict[str, str]:
        """The environment of a process of ours that logs in to the database as ``role``, or not at all."""
        return inherited() | self.told(role)

    def told(self, role: Role | None) -> dict[str, str]:
        """What of it is not the shell's."""
        told = {
            "CARILLON_HOME": str(self.env.home.absolute()),
            "CARILLON_SECRET_KEY": self.secret_key,
            "CARILLON_JOBS_USER": self.jobs_user,
            "CARILLON_URL": self.url,
            "CARILLON_FLOWER_URL": self.flower_url,
            "REDIS_URL": self.redis_url,
            "CARILLON_CALLABLES": json.dumps([*self.env.callables, EXAMPLES]),
            "PYTHONUNBUFFERED": "1",
        }
        if os.geteuid() == 0:
            # Whoever types `make up` as root has decided, and the commands of jobs do not run as root.
            told["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser privileges"
        if role is not None:
            told |= {"DATABASE_URL": getattr(self.database, role), "CARILLON_DATABASE_ROLE": role}
        if role in _KEEPS_SECRETS:
            told["CARILLON_ENCRYPTION_KEYS"] = self.encryption_keys
        return told


def inherited() -> dict[str, str]:
    """What of this process's environment others of ours are given too."""
    return {name: value for name, value in os.environ.items() if name not in _HANDED_OUT}


def programs(site: Site, *, listener: int, flower_port: int, flower_login: str, flower_cookie: str) -> list[Program]:
    """The six programs in the order they start and, within a stage, stop."""
    level = site.env.log_level
    slots = site.env.worker_slots or max(2, len(os.sched_getaffinity(0)))
    return [
        Program(
            name="web",
            argv=_module("uvicorn", "scheduler_project.asgi:application", f"--fd={listener}", f"--log-level={level}",
                         "--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown=5", "--lifespan=off"),
            env=site.environment("app"),
            ready="Uvicorn running",
            fds=(listener,),
        ),
        Program(
            name="beat",
            argv=_module("scheduler_project.process", "beat", f"--loglevel={level}"),
            env=site.environment(None),
            ready="LocalTime ->",
        ),
        _worker(site, "engine", "--queues=engine", "--pool=threads", "--concurrency=4"),
        _worker(site, "worker", "--queues=jobs.default", "--pool=prefork", f"--concurrency={slots}"),
        _worker(site, "io", "--queues=jobs.io", "--pool=threads", "--concurrency=16"),
        Program(
            name="flower",
            argv=_module("celery", "flower"),
            env=_flower_environment(site, flower_port, flower_login, flower_cookie),
            ready="Visit me at",
            overlaps=False,
            # It asks the workers about themselves once, when it starts.
            last=True,
        ),
    ]  # fmt: skip


def _flower_environment(site: Site, port: int, login: str, cookie: str) -> dict[str, str]:
    """Flower gets the broker alone. Without the Celery application it neither loads Django nor needs its secrets."""
    inherited = {name: value for name, value in os.environ.items() if name not in _HANDED_OUT}
    return inherited | {
        "CELERY_BROKER_URL": site.redis_url,
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": login,
        "FLOWER_COOKIE_SECRET": cookie,
        "FLOWER_READ_ONLY": "true",
        "FLOWER_MAX_TASKS": "2000",
        # It would ask workers for their task events, see scheduler_project.celery.
        "FLOWER_ENABLE_EVENTS": "false",
        "PYTHONUNBUFFERED": "1",
    }


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _worker(site: Site, name: str, *arguments: str) -> Program:
    # Old and new are two nodes to Celery and Flower while a rolling restart has both.
    node = f"--hostname={name}-{{turn}}@%h"
    level = f"--loglevel={site.env.log_level}"
    return Program(
        name=name,
        argv=_module("scheduler_project.process", "worker", node, *arguments, level),
        env=site.environment("engine"),
        ready=" ready.",
        grace=site.env.drain_seconds + 10,
        stage=1,
    )
