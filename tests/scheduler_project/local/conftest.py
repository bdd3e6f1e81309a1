from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from scheduler_project.local import leash, ports, service_user
from scheduler_project.local.postgres import Postgres
from tests.scheduler_project.local.terminal import Terminal, terminals


@pytest.fixture
def run() -> Iterator[Callable[..., Terminal]]:
    """Starts ``python <arguments>`` with additions to the environment; ends it with the test."""
    with terminals() as start:
        yield start


@pytest.fixture(scope="module")
def run_for_all() -> Iterator[Callable[..., Terminal]]:
    """The same, to the end of the module."""
    with terminals() as start:
        yield start


@pytest.fixture
def durable() -> Iterator[Postgres]:
    """A server as `make up` has it, not started yet, in a folder of its own."""
    user = service_user.for_this_process()
    with leash.temporary_folder("carillon test-") as folder:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = Postgres(folder / "data", log=folder / "log", password="sesame", port=ports.free(), user=user)
        yield server
        server.stop("immediate")
