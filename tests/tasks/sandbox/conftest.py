"""A command to run, with a level of its own and in a process group only."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.sandbox import accounts, probe, process
from tasks.sandbox.process import Command


@pytest.fixture(params=["own level", "process group"])
def wrapper(request: pytest.FixtureRequest) -> process.Wrapper | None:
    return probe.standing().wrapper if request.param == "own level" else None


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="carillon-test-")).resolve()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def command(folder: Path, wrapper: process.Wrapper | None) -> Command:
    """A command to fill in: run by sh, findable by its mark."""
    account = accounts.service_account()
    accounts.hand_over(folder, account)
    return Command(["/bin/sh", "-c", "true"], folder, {"MARK": uuid.uuid4().hex}, account=account, wrapper=wrapper)
