"""What every acceptance test stands on: one stack of real processes, with servers of its own.

Made once for each pytest process, because it takes ten seconds or more; before each test it is made
whole again. When a test fails, the end of every process's output is in the report; all of it stays in
pytest's temporary folder.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from scheduler_project.local import throwaway
from tests.support import http_server
from tests.support import stack as stacks
from tests.support.stack_databases import durable_server, migrated


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
