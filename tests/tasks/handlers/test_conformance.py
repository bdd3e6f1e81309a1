"""What every job type must do, whichever it is. Adding a type means adding its cases_<type>.py, nothing here.

What executors run (``Handler.external``) is never run here: of such a type the payload is tried, and that a worker refuses
it. Success, failure, time-out, cancel, oversized output, secrets in it and the death of who runs it are the protocol's,
and tried in tests/tasks/executors and tests/acceptance/test_executors.py.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import jsonschema
import pytest
from django.conf import settings
from pydantic import ValidationError

from jobs import handlers
from jobs.handlers import Cancelled, Interrupted, PermanentFailure, Released, TimedOut
from jobs.rules.codes import Failure
from tasks.sandbox import probe
from tests.support import contexts, http_server
from tests.support.conformance import Case
from tests.support.http_server import HttpServer
from tests.support.patience import slowness
from tests.support.processes import eventually, marked, open_files

handlers.load(["tasks.handlers"])
TYPES = sorted(handlers.registered())
#: Those that workers run: of them `level` asks, as every test does that runs one.
RUN_HERE = [job_type for job_type in TYPES if not handlers.get(job_type).external]
#: Of those, the ones that may run in a thread beside others.
THREADED = [job_type for job_type in RUN_HERE if handlers.get(job_type).threaded]
#: Asked to end, a handler is gone after this, on a machine that does nothing else; by itself it would go on for 120 s.
BOUND_SECONDS = 5


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "level" in metafunc.fixturenames:
        pairs = [(job_type, level) for job_type in RUN_HERE for level in levels(job_type)]
        metafunc.parametrize(("job_type", "level"), pairs, indirect=["level"])
    elif "job_type" in metafunc.fixturenames:
        metafunc.parametrize("job_type", THREADED if "thread" in metafunc.fixturenames else TYPES)


def levels(job_type: str) -> list[str]:
    """Types that run commands are tried at the machine's own level and at the lower one."""
    return ["own level", "process group"] if getattr(cases(job_type), "SANDBOXED", False) else ["own level"]


def cases(job_type: str) -> ModuleType | None:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.import_module(f"tests.tasks.handlers.cases_{job_type}")
    return None


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def case(job_type: str, server: HttpServer) -> Case:
    module = cases(job_type)
    assert module is not None, f"{job_type} has no cases: write tests/tasks/handlers/cases_{job_type}.py"
    found: Case = module.case(server)
    return found


@pytest.fixture
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "process group":
        monkeypatch.setattr(settings, "SANDBOX", probe.PROCESS_GROUP)
    return str(request.param)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, so that what is left in it is told from others' files."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-conformance-"))
    folder.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def run(job_type: str, payload: Any, context: contexts.RecordingContext) -> Any:
    handler = handlers.get(job_type)
    return handler.run(handler.params.model_validate(payload), context)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """Where a handler runs that nothing can interrupt."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def assert_nothing_is_left(case: Case, context: contexts.RecordingContext, temporary: Path) -> None:
    assert marked(str(context.execution_id)) == []
    assert list(temporary.iterdir()) == []
    assert case.on_servers is None or eventually(lambda: not case.on_servers()), case.on_servers()


def test_schema_is_published_and_the_example_satisfies_it(job_type: str) -> None:
    handler = handlers.get(job_type)
    schema = handler.params.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(dict(handler.example), schema)
    handler.params.model_validate(handler.example)
    assert schema["additionalProperties"] is False
    assert handler.title
    assert handler.description


def test_success_returns_its_result(job_type: str, case: Case, level: str, temporary: Path) -> None:
    with contexts.recording(case.allowed_hosts, revealed=case.connections) as context:
        result = run(job_type, case.success, context)
    assert case.accepts(json.loads(json.dumps(result)))
    assert list(temporary.iterdir()) == []
    assert marked(str(context.execution_id)) == []


def test_unknown_field_is_refused_by_name(job_type: str, case: Case) -> None:
    with pytest.raises(ValidationError) as caught:
        handlers.get(job_type).params.model_validate({**case.success, "surprise": 1})
    assert [error["loc"] for error in caught.value.errors()] == [("surprise",)]


def test_what_executors_run_is_refused_by_a_worker() -> None:
    external = set(TYPES) - set(RUN_HERE)
    assert external
    for job_type in external:
        with contexts.recording() as context, pytest.raises(PermanentFailure) as caught:
            run(job_type, handlers.get(job_type).example, context)
        assert caught.value.code == Failure.CONFIG_INVALID


def test_wrong_value_is_refused_by_its_fields_name(job_type: str, case: Case) -> None:
    assert case.wrong
    for field, payload in case.wrong.items():
        with pytest.raises(ValidationError) as caught:
            handlers.get(job_type).params.model_validate(payload)
        assert {error["loc"][0] for error in caught.value.errors()} == {field}


@pytest.mark.parametrize("interruption", [TimedOut, Cancelled, Released])
def test_interrupted_handler_ends_and_leaves_nothing(
    job_type: str, case: Case, level: str, server: HttpServer, temporary: Path, interruption: type[Interrupted]
) -> None:
    probe.standing()  # its own files and processes are not the handler's
    files, threads = open_files(), {*threading.enumerate()}
    with (
        contexts.recording(case.allowed_hosts, timeout=120, revealed=case.connections) as context,
        raising(interruption, case, context) as raised_at,
    ):
        with pytest.raises(interruption):
            run(job_type, case.slow, context)
        assert time.monotonic() - raised_at[0] < BOUND_SECONDS * slowness()
    assert_nothing_is_left(case, context, temporary)
    server.closing.set()  # its end of the connection is open in this process too, and a thread has it
    assert eventually(lambda: not open_files() - files and {*threading.enumerate()} <= threads)


def test_cancelled_in_a_thread_it_ends_and_leaves_nothing(
    job_type: str, case: Case, thread: ThreadPoolExecutor, temporary: Path
) -> None:
    with contexts.recording(case.allowed_hosts, timeout=120, revealed=case.connections) as context:
        running = thread.submit(run, job_type, case.slow, context)
        assert eventually(lambda: in_the_midst(case, context))
        context.stop.set()
        with pytest.raises(Cancelled):
            running.result(BOUND_SECONDS * slowness())
    assert_nothing_is_left(case, context, temporary)


def in_the_midst(case: Case, context: contexts.RecordingContext) -> bool:
    if not case.under_way([line.message for line in context.lines]):
        return False
    return case.on_servers is None or bool(case.on_servers())


@contextlib.contextmanager
def raising(interruption: type[Interrupted], case: Case, context: contexts.RecordingContext) -> Iterator[list[float]]:
    """Raise in the main thread, by a signal as the runner does, once the handler is under way."""
    raised_at: list[float] = []

    def interrupt(*_: object) -> None:
        raised_at.append(time.monotonic())
        raise interruption

    def wait() -> None:
        if eventually(lambda: in_the_midst(case, context)):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, interrupt)
    watcher = threading.Thread(target=wait)
    watcher.start()
    try:
        yield raised_at
    finally:
        watcher.join()
        signal.signal(signal.SIGUSR2, before)


def test_oversized_output_is_bounded(job_type: str, case: Case, level: str) -> None:
    with contexts.recording(case.allowed_hosts, timeout=120, revealed=case.connections) as context:
        result = run(job_type, case.oversized, context)
    assert len(json.dumps(result)) <= 64 * 1024
    assert sum(len(line.message) for line in context.lines) < 11 * 1024 * 1024
    assert max((len(line.message) for line in context.lines), default=0) <= 8 * 1024


def test_killing_the_process_that_runs_it_leaves_nothing(job_type: str, case: Case, level: str) -> None:
    order = {
        "type": job_type,
        "payload": case.slow,
        "allowed_hosts": case.allowed_hosts,
        "level": level,
        "connections": case.connections,
    }
    arguments = [sys.executable, "-m", "tests.support.handler_process", json.dumps(order)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        execution_id, folder = process.stdout.readline().split()
        messages: list[str] = []
        reader = threading.Thread(target=collect, args=(process.stdout, messages))
        reader.start()
        try:
            assert eventually(lambda: case.under_way(messages))
            if getattr(cases(job_type), "SANDBOXED", False):
                assert marked(execution_id)
            process.kill()
            assert eventually(lambda: marked(execution_id) == []), marked(execution_id)
        finally:
            process.kill()
            process.wait()
            reader.join()
            shutil.rmtree(folder, ignore_errors=True)


def collect(lines: IO[str], into: list[str]) -> None:
    for line in lines:
        into.append(line.rstrip("\n"))
