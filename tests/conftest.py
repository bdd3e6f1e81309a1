"""Fixtures for every test: the three actors, the engine's log-in, an empty database, needed programs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.support import servers

SERVERS = os.environ.get(servers.VARIABLE) != servers.OFF
_TENANT_TABLES = re.compile(
    r'"(membership|invitation|api_key|audit_event|audit_seal|job|job_revision|job_tag|schedule|execution|attempt|execution_log|event|dead_letter|reservation|secret|secret_version|data_key|job_secret|quota_room|usage_day|operation|hook|received_event|job_template|dependency|workflow_run|tag|artifact|bookmark|executor|approval)"'
)


#: Folders whose tests are long, beside those of acceptance/, which come first anyway.
_LONG = ("chaos", "browser", "fuzz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two processes, which share the list by halves and then what is left, each begins with what is long."""
    folders = {item: item.nodeid.split("/")[1] for item in items if item.nodeid.count("/") > 1}
    long = [item for item in items if folders.get(item) in _LONG]
    others = [item for item in items if folders.get(item) not in _LONG]
    half = min(len(items) // 2, len(others))
    items[:] = [*others[:half], *long, *others[half:]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`needs("bwrap")` skips without the program."""
    for marker in item.iter_markers("needs"):
        missing = [program for program in marker.args if shutil.which(program) is None]
        if missing:
            pytest.skip(f"needs {', '.join(missing)}: run `make system-packages` as root")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is required a skipped test has failed, whatever its reason."""
    report = yield
    if report.skipped and os.environ.get("CARILLON_REQUIRE_ALL") == "1":
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The databases are made by tests.support.servers."""


@pytest.fixture(autouse=True, scope="session")
def _database_allowed(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(autouse=True, scope="session")
def _tenant_tables_only_in_transactions() -> None:
    """As the app, a query outside a transaction has no tenant and silently finds nothing: a defect, so it raises."""
    if not SERVERS:
        return
    from django.conf import settings
    from django.db import connection
    from django.db.backends.signals import connection_created

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        wrapper = context["connection"]
        if settings.DATABASE_ROLE == "app" and not wrapper.in_atomic_block and _TENANT_TABLES.search(str(sql)):
            raise AssertionError(f"a query of tenants' rows outside a transaction: {sql}")
        return execute(sql, params, many, context)

    def watch(connection: Any, **_: Any) -> None:
        if refuse not in connection.execute_wrappers:
            connection.execute_wrappers.append(refuse)

    connection_created.connect(watch, weak=False)
    connection.close()


@pytest.fixture(autouse=True, scope="session")
def _rings_through_our_app() -> None:
    """As each of our processes does. Without it another broker would be waited for, which is not there."""
    if SERVERS:
        from scheduler_project import celery  # noqa: F401


@pytest.fixture(autouse=True, scope="session")
def _patient_limits() -> None:
    """A test machine that is busy is no Redis that hangs: keys could not be made while it is taken for one."""
    if SERVERS:
        from tenants import buckets

        buckets.TIMEOUT = buckets.PATIENCE = 10.0


@pytest.fixture(autouse=True, scope="session")
def _static_files_when_asked_for() -> None:
    """Each test's clients load the middleware anew: six hundred files would be listed before each one's first answer."""
    if SERVERS:
        from django.conf import settings

        settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True, scope="session")
def _artifacts_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not the developer's own."""
    if SERVERS:
        from django.conf import settings

        settings.ARTIFACTS_URL = str(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def as_engine() -> Iterator[None]:
    """This process's connections, in every thread, log in as the engine."""
    from tests.support import logins

    with logins.engine():
        yield


@pytest.fixture
def empty_database() -> None:
    """For tests of what acts on everybody's rows at once."""
    from tests.support import logins

    logins.empty()


@pytest.fixture
def owner() -> Any:
    """Of tenant A, with every scope."""
    from tests.support import actors

    return actors.owner()


@pytest.fixture
def teammate(owner: Any) -> Any:
    """Of tenant A, who may only look."""
    from tests.support import actors

    return actors.teammate(owner)


@pytest.fixture
def outsider() -> Any:
    """Of tenant B, with every scope there."""
    from tests.support import actors

    return actors.owner()
