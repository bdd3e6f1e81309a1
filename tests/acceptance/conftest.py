"""What every acceptance test stands on: one stack of real processes, with servers of its own.

Made once for each pytest process, because it takes ten seconds or more; before each test it is made
whole again. When a test fails, the end of every process's output is in the report; all of it stays in
pytest's temporary folder.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from scheduler_project.env import Env
from scheduler_project.local import throwaway
from tests.support import http_server
from tests.support import stack as stacks
from tests.support.stack_databases import durable_server, migrated

#: Seconds. Long enough for a machine that does other things.
BRIEF_LEASE = 12.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    carillon = getattr(item, "funcargs", {}).get("carillon")
    if report.failed and carillon is not None:
        report.sections.append(("processes", carillon.logs()))
    return report


@pytest.fixture(scope="session")
def _carillon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    folder = tmp_path_factory.mktemp("processes")
    with (
        durable_server() as postgres,
        throwaway.valkey() as valkey,
        stacks.running(migrated(postgres), postgres, valkey, folder, CARILLON_DRAIN_SECONDS="3") as stack,
    ):
        yield stack


@pytest.fixture(scope="module")
def brief_lease(_carillon: stacks.Stack) -> Iterator[float]:
    """A file's tests have a worker whose lease is shorter than the product's, so that its death is noticed sooner."""
    _give_a_lease(_carillon, BRIEF_LEASE)
    yield BRIEF_LEASE
    _give_a_lease(_carillon, Env().lease_seconds)


def _give_a_lease(stack: stacks.Stack, seconds: float) -> None:
    """The worker has it that :func:`carillon` starts next."""
    stack.configure("worker", environment={"CARILLON_LEASE_SECONDS": str(seconds)})
    for member in stack.members("worker"):
        member.end(signal.SIGTERM)


@pytest.fixture
def carillon(_carillon: stacks.Stack) -> stacks.Stack:
    """One process of each role, running."""
    _carillon.complete()
    return _carillon


@pytest.fixture
def web_site() -> Iterator[http_server.HttpServer]:
    """Somebody's server that jobs call."""
    with http_server.serving() as server:
        yield server
