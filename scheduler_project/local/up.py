"""`make up`: from nothing, or from where it was, to a running installation in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scheduler_project.env import Env
from scheduler_project.local import ports, processes, service_user, welcome
from scheduler_project.local.child import Program
from scheduler_project.local.home import Home, write_private
from scheduler_project.local.installation import Installation
from scheduler_project.local.output import Output
from scheduler_project.local.supervisor import Rolling, Supervisor

LATE_SECONDS = 60.0


@dataclass(frozen=True)
class Steps:
    """The commands on the way up. ``seed`` prints {"tenant", "api_key", "admin": {"email", "password"}}."""

    migrate: Sequence[str] = (sys.executable, "manage.py", "migrate", "--no-input")
    seed: Sequence[str] = (sys.executable, "-m", "scheduler_project.local.seed")
    sync: Sequence[str] = (sys.executable, "manage.py", "sync_jobs")
    programs: Callable[..., list[Program]] = processes.programs


def up(env: Env, steps: Steps | None = None) -> None:
    """Runs until stopped by a signal; returns at once, saying so, where another one runs already.

    Raises:
        LocalError: something is in the way; the message says what.
    """
    home = Home(env.home)
    home.create()
    while not home.claim():
        if holder := home.holder():
            print(f"Carillon is running already: {holder.get('url', 'on its way up')} (pid {holder['pid']}).")
            return
    # Until the supervisor listens to signals, leave as by an exception, which stops the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    output = Output(home.logs)
    with contextlib.ExitStack() as on_exit:
        on_exit.callback(home.release)
        on_exit.callback(output.say, "stopped")
        _run(Installation(home, env, output, on_exit), env, output, steps or Steps())


def _run(installation: Installation, env: Env, output: Output, steps: Steps) -> None:
    home = installation.home
    listener = installation.listener()
    flower_port = installation.flower_port()
    urls = {"url": f"http://127.0.0.1:{ports.number(listener)}", "flower_url": f"http://127.0.0.1:{flower_port}"}
    user = service_user.for_this_process(env.jobs_user or service_user.JOBS_NAME)
    site = processes.Site(
        env=env,
        database=installation.database(),
        redis_url=installation.redis_url(),
        secret_key=env.secret_key.get_secret_value() or installation.keys.secret_key,
        encryption_keys=env.encryption_keys.get_secret_value() or installation.keys.encryption,
        url=env.public_url or urls["url"],
        flower_url=env.flower_url or urls["flower_url"],
        jobs_user=user.pw_name if user else "",
    )
    write_private(home.environments, {role: site.told(role) for role in ("app", "engine")})
    migrate = functools.partial(installation.migrate, steps.migrate, site.environment("owner"))
    migrate()
    credentials = installation.credentials(steps.seed, site.environment("app"), **urls)
    if env.callables:
        installation.sync([*steps.sync, "--tenant", credentials["tenant"]], site.environment("app"))
    programs = steps.programs(
        site,
        listener=listener.fileno(),
        flower_port=flower_port,
        flower_login=f"{credentials['admin']['email']}:{credentials['admin']['password']}",
        flower_cookie=installation.keys.flower_cookie,
    )
    restarts = iter(range(1, sys.maxsize))
    home.publish(restarts=0, **urls)
    supervisor = Supervisor(installation.servers, programs, output)
    greeting = functools.partial(_greet, output, urls["url"], welcome.text(credentials, str(home.credentials)))
    # The code may be another by now, and its processes must meet the tables they know.
    rolling = Rolling(migrate, lambda problem: home.publish(restarts=next(restarts), problem=problem, **urls))
    asyncio.run(supervisor.run(greeting, rolling))


async def _greet(output: Output, url: str, text: str) -> None:
    """Shows the text once every part of the installation is at work."""
    late_at = time.monotonic() + LATE_SECONDS
    while problem := await asyncio.to_thread(_unready, url):
        if time.monotonic() > late_at:
            output.say(f"not ready after {LATE_SECONDS:g} s, still waiting: {problem}")
            late_at = float("inf")
        await asyncio.sleep(0.2)
    output.show(text)


def _unready(url: str) -> str:
    """Why not everything is at work yet: the web process, the engine, beat and a worker; empty when it is."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - our own http URL
            return ""
    except OSError as error:
        return str(error)
