"""Who is given the installation's keys, and what a process says that has none or a wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_project.env import ROOT, Env
from scheduler_project.local import keys, processes
from scheduler_project.local.roles import Urls
from tenants.rules import sealing

SETUP = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'scheduler_project.settings'; import django; django.setup()"


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SETUP],
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("wrong", ["5e5e", "not hexadecimal at all", f"{'5e' * 32},", f"{'5e' * 32} {'a1' * 32}"])
def test_a_wrong_value_stops_the_process_and_is_not_quoted(wrong: str) -> None:
    done = started(CARILLON_ENCRYPTION_KEYS=wrong)
    if wrong.endswith(","):
        assert done.returncode == 0, "a comma too many is no key"
        return
    assert done.returncode != 0
    assert "CARILLON_ENCRYPTION_KEYS must be one or more keys of 64 hexadecimal digits" in done.stderr
    assert wrong not in done.stderr


def test_a_process_without_keys_starts_and_says_what_to_set() -> None:
    done = started(CARILLON_ENCRYPTION_KEYS="")
    assert done.returncode == 0, done.stderr
    assert "CARILLON_ENCRYPTION_KEYS is empty" in done.stderr
    assert "CARILLON_ENCRYPTION_KEYS" not in started().stderr
    assert "CARILLON_ENCRYPTION_KEYS" not in started(CARILLON_ENCRYPTION_KEYS="", CARILLON_DATABASE_ROLE="owner").stderr


def test_only_who_writes_or_reads_secrets_is_given_the_keys(tmp_path: Path) -> None:
    made = keys.load(tmp_path / "secrets.json").encryption
    site = processes.Site(
        env=Env(), database=Urls("o", "a", "e"), redis_url="r", secret_key="s", encryption_keys=made, url="u",
        flower_url="f", jobs_user="",
    )  # fmt: skip
    given = {role: site.environment(role).get("CARILLON_ENCRYPTION_KEYS") for role in ("owner", "app", "engine", None)}
    assert given == {"owner": None, "app": made, "engine": made, None: None}
    programs = processes.programs(site, listener=3, flower_port=1, flower_login="l", flower_cookie="c")
    assert {program.name for program in programs if made in program.env.values()} == {"web", "engine", "worker", "io"}
    assert made not in repr(site) + repr(programs)


def test_the_key_that_make_up_makes_is_one() -> None:
    assert len(sealing.ring(keys.Keys().encryption).keys) == 1
