"""Which level is declared, and that a machine which cannot do it says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings

from tasks.sandbox import bubble, probe, process, seccomp


@pytest.fixture(autouse=True)
def _unprobed() -> Iterator[None]:
    probing = probe._full
    probing.cache_clear()
    yield
    probing.cache_clear()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SANDBOX", probe.FULL)


@pytest.mark.usefixtures("full")
@pytest.mark.needs("bwrap")
def test_full_level_is_in_force_where_it_works() -> None:
    standing = probe.standing()
    assert (standing.level, standing.problem) == ("full", "")
    assert standing.wrapper is not None
    assert standing.wrapper.hardening in (bubble.HARDENING, ())


def test_process_group_is_in_force_wherever_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SANDBOX", probe.PROCESS_GROUP)
    monkeypatch.setattr(probe, "_full", lambda: pytest.fail("probed what is not declared"))
    assert probe.standing() == probe.Standing("process group")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("program", "why"), [(None, "bubblewrap is not installed"), ("/bin/false", "namespaces cannot be made here")]
)
def test_machine_that_cannot_do_the_declared_level_says_why(
    monkeypatch: pytest.MonkeyPatch, program: str | None, why: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: program)
    standing = probe.standing()
    assert standing.wrapper is None
    assert why in standing.problem
    assert "CARILLON_SANDBOX='process group'" in standing.problem


@pytest.mark.usefixtures("full")
@pytest.mark.needs("bwrap")
@pytest.mark.parametrize(
    ("where", "name", "spoilt", "why"),
    [
        (seccomp, "program", lambda: None, "architecture"),
        (bubble, "NAMESPACES", ("--unshare-no-such-thing",), "no-such-thing"),
    ],
)
def test_wall_that_cannot_be_put_up_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, spoilt: object, why: str
) -> None:
    monkeypatch.setattr(where, name, spoilt)
    assert why in probe.standing().problem


@pytest.mark.needs("bwrap")
def test_worker_that_may_make_no_namespaces_refuses_a_script_and_runs_it_nowhere() -> None:
    """A process within a bubblewrap that allows no further user namespace, as a container may be."""
    order = {"type": "script", "payload": {"script": "echo ran"}, "allowed_hosts": [], "level": None, "connections": {}}
    outside = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"]
    asked = [*outside, sys.executable, "-m", "tests.support.handler_process", json.dumps(order)]
    done = subprocess.run(
        asked, env=os.environ | {"CARILLON_SANDBOX": "full"}, capture_output=True, text=True, check=True
    )
    assert "CONFIG_INVALID: this machine cannot do the sandbox level 'full', which is declared" in done.stdout
    assert "ran" not in done.stdout.splitlines()


@pytest.mark.usefixtures("full")
def test_older_bubblewrap_is_used_without_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/bin/bwrap")
    monkeypatch.setattr(probe, "_tried", lambda candidate: "unknown option" if candidate.hardening else "")
    assert probe.standing().wrapper == process.Wrapper("/usr/bin/bwrap", ())


@pytest.mark.usefixtures("full")
@pytest.mark.needs("bwrap")
def test_machine_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    probe.standing()
    monkeypatch.setattr(probe, "_tried", lambda candidate: pytest.fail("probed again"))
    probe.standing()
