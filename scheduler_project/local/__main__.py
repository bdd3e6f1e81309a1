"""The commands behind `make up`, `make down`, `make restart`, `make reset` and `make manage`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from scheduler_project.env import ROOT, Env
from scheduler_project.local import postgres
from scheduler_project.local.errors import LocalError
from scheduler_project.local.home import Home
from scheduler_project.local.processes import inherited
from scheduler_project.local.up import up

PATIENCE_SECONDS = 300.0


def down(home: Home) -> None:
    """Stops what runs, and a PostgreSQL that a killed `make up` has left."""
    holder = home.holder()
    if holder is not None:
        print(f"Stopping Carillon (pid {holder['pid']}) ...")
        os.kill(holder["pid"], signal.SIGTERM)
        _wait_until(lambda: home.holder() is None, "It has not stopped")
    postgres.stop(home.postgres)
    print("Carillon is stopped.")


def restart(home: Home) -> None:
    """Migrates, then restarts one process after the other without a pause in service; returns when that is done."""
    holder = home.holder()
    if holder is None or "restarts" not in holder:
        raise LocalError("Carillon is not running: start it with make up.")
    os.kill(holder["pid"], signal.SIGHUP)
    _wait_until(lambda: _running(home)["restarts"] != holder["restarts"], "The restart has not ended")
    if problem := _running(home).get("problem"):
        raise LocalError(f"Nothing has been restarted, what ran goes on: {problem}")
    print("Each process has been restarted.")


def _running(home: Home) -> dict[str, Any]:
    holder = home.holder()
    if holder is None:
        raise LocalError("Carillon has been stopped meanwhile.")
    return holder


def reset(home: Home, *, force: bool) -> None:
    """Stops what runs and deletes everything that `make up` has made, all data included."""
    if not home.is_ours():
        print(f"There is nothing to delete at {home.path}.")
        return
    if sys.stdin.isatty() and not force:
        answer = input(f"This deletes every job, execution and log in {home.path}. Type yes to go on: ")
        if answer.strip() != "yes":
            raise LocalError("Nothing was deleted.")
    down(home)
    home.delete()
    print(f"{home.path} is deleted.")


def manage(home: Home, arguments: Sequence[str], *, role: str) -> int:
    """Runs a command of manage.py as a process of what runs; returns its exit status."""
    if home.holder() is None or not home.environments.exists():
        raise LocalError("Carillon is not running: start it with make up.")
    told: dict[str, str] = json.loads(home.environments.read_text())[role]
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=inherited() | told, cwd=ROOT, check=False).returncode


def _wait_until(done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise LocalError(f"{complaint} after {PATIENCE_SECONDS:.0f} s; its log tells more.")
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scheduler_project.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "restart", "reset", "manage"])
    parser.add_argument("--force", action="store_true", help="reset without asking")
    parser.add_argument("--role", choices=["app", "engine"], default="app", help="manage: whose environment")
    parser.add_argument("run", nargs=argparse.REMAINDER, help="manage: the command and its arguments")
    arguments = parser.parse_args()
    try:
        env = Env()
        home = Home(env.home)
        if home.path.exists():
            home.check_owner()
        if arguments.command == "up":
            up(env)
        elif arguments.command == "down":
            down(home)
        elif arguments.command == "restart":
            restart(home)
        elif arguments.command == "manage":
            sys.exit(manage(home, arguments.run, role=arguments.role))
        else:
            reset(home, force=arguments.force)
    except (LocalError, ValidationError) as error:
        sys.exit(f"carillon: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
