from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pydantic import ValidationError

from jobs.handlers import Cancelled, HandlerError, PermanentFailure, TimedOut
from jobs.rules.codes import Failure
from tasks.handlers.script import Script, ScriptParams
from tasks.sandbox import output, probe, process
from tests.support import contexts
from tests.support.contexts import RecordingContext
from tests.support.processes import eventually, marked


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(attempt=3) as recording:
        yield recording


def run(context: RecordingContext, script: str, **params: Any) -> Any:
    return Script().run(ScriptParams(script=script, **params), context)


def failure(context: RecordingContext, script: str, **params: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        run(context, script, **params)
    return caught.value


def test_first_line_of_the_log_tells_the_sandbox_and_the_last_the_exit_code(context: RecordingContext) -> None:
    run(context, "true")
    first, last = context.messages()
    assert first.endswith(f"in sandbox: {probe.standing().level}")
    assert last.startswith("exit code 0 after ")


def test_lower_level_is_told_when_it_is_in_force(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SANDBOX", probe.PROCESS_GROUP)
    run(context, "true")
    assert context.messages()[0].endswith("in sandbox: process group")


@pytest.mark.parametrize(
    ("interpreter", "script"),
    [
        ("sh", 'echo "::result [$((6*7))]"'),
        ("bash", 'a=(6 7); echo "::result [$((a[0]*a[1]))]"'),
        ("python", "import json; print('::result', json.dumps([6*7]))"),
        pytest.param("node", "console.log('::result ' + JSON.stringify([6*7]))", marks=pytest.mark.needs("node")),
    ],
)
def test_interpreters_run_their_scripts(context: RecordingContext, interpreter: str, script: str) -> None:
    assert run(context, script, interpreter=interpreter) == [42]


def test_script_without_a_result_has_none(context: RecordingContext) -> None:
    assert run(context, "echo done") is None


def test_streams_go_to_the_log_line_by_line(context: RecordingContext) -> None:
    run(context, "echo one; echo two >&2; printf three")
    assert context.messages("stdout") == ["one", "three"]
    assert context.messages("stderr") == ["two"]


def test_environment_is_clean_and_names_the_execution(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    run(context, "env", env={"GREETING": "hello = world", "LANG": "de_DE.UTF-8"})
    found = dict(
        line.split("=", 1) for line in context.messages("stdout") if not line.startswith(("PWD=", "_=", "SHLVL="))
    )
    assert found == {
        "PATH": process.PATH,
        "HOME": str(context.folder()),
        "LANG": "de_DE.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "CARILLON_EXECUTION_ID": str(context.execution_id),
        "CARILLON_ATTEMPT": "3",
        "CARILLON_IDEMPOTENCY_KEY": context.idempotency_key,
        "GREETING": "hello = world",
    }


def test_environment_cannot_reach_what_starts_the_command(context: RecordingContext) -> None:
    with tempfile.TemporaryDirectory(prefix="carillon-test-") as name:
        everybodys = Path(name)
        everybodys.chmod(0o777)
        run(context, "true", env={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(everybodys / "written")})
        starters = [file for file in everybodys.iterdir() if "bwrap" in file.read_text()]
    assert starters == []


def test_stdin_is_given(context: RecordingContext) -> None:
    run(context, "cat", stdin="grüß\n")
    assert context.messages("stdout") == ["grüß"]


def test_script_may_write_in_its_folder_and_finds_it_as_home(context: RecordingContext) -> None:
    run(context, 'echo x > file; cat ~/file; [ "$PWD" = "$HOME" ] && echo same')
    assert context.messages("stdout") == ["x", "same"]


def test_exit_code_fails_the_attempt_with_its_tag(context: RecordingContext) -> None:
    error = failure(context, "echo '::result 1'; exit 3")
    assert (error.code, error.tags, error.result) == (Failure.EXECUTION_FAILED, {"exit:3"}, {"exit_code": 3})
    assert str(error) == "exit code 3"


def test_signal_that_killed_it_is_named(context: RecordingContext) -> None:
    error = failure(context, "kill -SEGV $$")
    assert error.tags == {"exit:139"}
    assert "SIGSEGV" in str(error)


def test_missing_interpreter_is_the_machines_fault(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    error = failure(context, "1", interpreter="node")
    assert isinstance(error, PermanentFailure)
    assert error.code == Failure.CONFIG_INVALID
    assert "node is not installed" in str(error)


def test_interpreter_that_cannot_be_run_is_the_machines_fault(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/bin/no-such-interpreter")
    monkeypatch.setattr(settings, "SANDBOX", probe.PROCESS_GROUP)
    error = failure(context, "1")
    assert isinstance(error, PermanentFailure)
    assert error.code == Failure.CONFIG_INVALID
    assert "No such file" in str(error)


def test_dropped_output_is_counted_in_the_last_line(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOGGED_BYTES", 100)
    run(context, "yes | head -c 1000")
    assert context.messages()[-1].endswith("900 bytes of output dropped")


def test_script_in_a_thread_ends_when_the_attempt_is_cancelled(context: RecordingContext) -> None:
    context.stop.set()
    with pytest.raises(Cancelled):
        run(context, "sleep 120")
    assert marked(str(context.execution_id)) == []


def _files() -> Counter[str]:
    """This process's open files and pipes by what they are; threads of other tests may close one and open another."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found.append(os.readlink(f"/proc/self/fd/{name}").partition("[")[0])
    return Counter(entry for entry in found if entry != "socket:" and "/proc/" not in entry)


# Raised between the opening of a file and its block, it leaves the closing to the collector: none is open afterwards.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("milliseconds", range(1, 61, 4))
def test_interruption_at_any_moment_leaves_nothing(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch, milliseconds: int
) -> None:
    def interrupt(*_: object) -> None:
        raise TimedOut

    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    probe.standing()
    files = _files()
    before = signal.signal(signal.SIGALRM, interrupt)

    def run_interrupted() -> None:
        signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
        run(context, "(sleep 120 &); echo asleep; sleep 120")

    try:
        with pytest.raises(TimedOut):
            run_interrupted()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert eventually(lambda: marked(str(context.execution_id)) == [])
    assert eventually(lambda: _files() == files)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interpreter", "perl"),
        ("script", ""),
        ("script", "a\0b"),
        ("script", ["true"]),
        ("env", {"A=B": "c"}),
        ("env", {"1A": "c"}),
        ("env", {"A": "b\0c"}),
        ("env", {"A": 1}),
        ("stdin", 5),
    ],
)
def test_unusable_parameter_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ScriptParams.model_validate({"script": "true", field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}
