"""The ``script`` job type: a text handed to an interpreter, or a program with arguments, in a sandbox.

It runs in the attempt's own folder, as another user when we are root, at the declared level of
:mod:`tasks.sandbox.probe` or not at all, and nothing it starts outlives it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from jobs.handlers import Allowance, Cancelled, Context, Handler, HandlerError, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks.egress import Guard
from tasks.sandbox import accounts, bubble, output, probe, process
from tasks.sandbox.probe import Standing
from tasks.scripts import endings, files, proxy, requirements
from tasks.scripts.files import SCRIPT
from tasks.scripts.payload import Content, ExitCode, FileName, Folder, Limits, Requirement

PROGRAMS = {"sh": "sh", "bash": "bash", "python": "python3", "node": "node"}


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character, which neither scripts nor environments can")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class ScriptParams(Params):
    interpreter: Literal["sh", "bash", "python", "node"] = "sh"
    script: Annotated[Text, StringConstraints(min_length=1, max_length=512 * 1024)] | None = None
    argv: list[Text] | None = Field(
        default=None,
        validate_default=True,
        min_length=1,
        max_length=1000,
        description="Instead of script: a program and its arguments, with no shell between.",
    )
    env: dict[Name, Text] = Field(default={}, description="Added to a clean environment.")
    stdin: str = ""
    files: dict[FileName, Content] = Field(
        default={}, max_length=100, description="Written into the folder before it starts, by their paths there."
    )
    working_dir: Folder = Field(default="", description="Where in its folder it starts.")
    artifacts: list[Folder] = Field(
        default=[], max_length=50, description="Patterns of files in its folder to keep: *, ? and **."
    )
    artifacts_on_failure: bool = Field(default=False, description="Whether they are kept of a failed attempt, too.")
    network: bool = Field(
        default=False, description="Lets it out, through a proxy that reaches what the tenant's calls may reach."
    )
    limits: Limits = Limits()
    success_codes: list[ExitCode] = Field(default=[0], min_length=1, description="Exit codes that are a success.")
    retry_codes: list[ExitCode] | None = Field(
        default=None, description="Exit codes worth another attempt; unset: all that are no success."
    )
    fail_codes: list[ExitCode] = Field(
        default=[], description="Exit codes that fail for good, whatever the retry policy."
    )
    requirements: list[Requirement] = Field(
        default=[], max_length=200, description="What pip installs for a Python script, such as requests==2.32.3."
    )

    @field_validator("argv")
    @classmethod
    def _either(cls, argv: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if "script" in info.data and (argv is None) == (info.data["script"] is None):
            raise ValueError("give either script or argv")
        return argv

    @field_validator("requirements")
    @classmethod
    def _for_python(cls, wanted: list[str], info: ValidationInfo) -> list[str]:
        if wanted and info.data.get("interpreter") != "python":
            raise ValueError('are for scripts of the interpreter "python"')
        return wanted


class Script(Handler[ScriptParams]):
    job_type = "script"
    title = "Script"
    description = (
        "Runs a script in a sandbox. Its result is the JSON after '::result ' on a line of its output,"
        " or else the last line that is a JSON object or array. Any exit code but 0 fails the attempt, unless said otherwise."
    )
    params = ScriptParams
    inputs = frozenset({"stdin"})  # not env: a shell runs what BASH_ENV says
    without_secrets: ClassVar[dict[str, str]] = {
        "script": "its text is stored in a file; hand the secret over in env or stdin, and read it there",
        "files": "they are stored on a disk; hand the secret over in env or stdin, and read it there",
        "argv": "arguments are in the process list; hand the secret over in env or stdin, and read it there",
    }
    example: ClassVar[dict[str, Json]] = {
        "interpreter": "sh",
        "script": 'echo "Hello, $NAME"\necho \'::result {"rows": 3}\'\n',
        "env": {"NAME": "world"},
    }

    def refusals(self, params: ScriptParams, tenant: Allowance) -> Mapping[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        if params.network and not tenant.allow_network:
            found["network"] = [
                "this tenant's scripts may not use the network: an operator can allow it (allow_network)"
            ]
        if params.requirements and not tenant.allow_requirements:
            found["requirements"] = ["this tenant may not install any: an operator can allow it (allow_requirements)"]
        if too_much := params.limits.refusals():
            found["limits"] = too_much
        return found

    def run(self, params: ScriptParams, context: Context) -> Json:
        standing = probe.standing()
        if standing.problem:
            raise PermanentFailure(standing.problem, code=Failure.CONFIG_INVALID)
        account = accounts.service_account()
        folder = context.folder().resolve()
        _furnish(folder, params, context)
        accounts.hand_over(folder, account)
        printed = output.Output(context, params.limits.output_bytes)
        try:
            with _command(params, context, folder, standing, account) as command:
                result = _run(command, params, context, printed)
        except HandlerError as error:
            if params.artifacts_on_failure:
                error.result = {**(error.result or {}), "artifacts": _kept_anyway(params, context, folder, account)}
            raise
        if params.artifacts:
            return {"result": result, "artifacts": _keep(params, context, folder, account)}
        return result


def _run(command: process.Command, params: ScriptParams, context: Context, printed: output.Output) -> Json:
    """Run it to its end; a HandlerError says what kind of end that was, if it was no success."""
    started = time.monotonic()

    def check() -> None:
        if context.cancelled:
            raise Cancelled

    try:
        ending = process.run(command, printed.feed, check, lambda: context.ending)
    finally:
        printed.close()
    if ending.limit is not None:
        raise endings.exceeded(ending.limit, params.limits)
    if ending.code is None:
        raise PermanentFailure(f"{command.argv[0]} could not be run: {ending.error}", code=Failure.CONFIG_INVALID)
    dropped = f", {printed.dropped} bytes of output dropped" if printed.dropped else ""
    context.log(f"exit code {ending.code} after {time.monotonic() - started:.1f} s{dropped}")
    if ending.code not in params.success_codes:
        raise endings.failed(ending.code, printed.tail, params.limits, retry=params.retry_codes, fail=params.fail_codes)
    return printed.result


@contextlib.contextmanager
def _command(
    params: ScriptParams, context: Context, folder: Path, standing: Standing, account: accounts.Account | None
) -> Iterator[process.Command]:
    """What is to run, with what it needs beside it for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        env = _environment(folder, context)
        installed, mounts, gate = None, [], None
        if params.requirements:
            installed = stack.enter_context(requirements.installed(params.requirements, context, standing, account))
            mounts = [bubble.Mount(installed, requirements.PLACE)]
            env["PATH"] = f"{requirements.PLACE}/bin:{process.PATH}"
        if params.network and standing.wrapper is not None:
            gate = stack.enter_context(proxy.serving(Guard(context.allowed_hosts), _warning(context)))
            env |= proxy.ENVIRONMENT
        argv = _argv(params, folder, installed)
        context.log(f"running {argv[0]} in sandbox: {standing.level}")
        yield process.Command(
            argv=argv,
            folder=folder,
            env=env | params.env,
            stdin=params.stdin.encode(),
            account=account,
            wrapper=standing.wrapper,
            limits=params.limits.walls(),
            mounts=mounts,
            start=params.working_dir,
            gate=gate,
            label=str(context.execution_id),
        )


def _furnish(folder: Path, params: ScriptParams, context: Context) -> None:
    if params.script is not None:
        (folder / SCRIPT).write_text(params.script, encoding="utf-8")
    (folder / params.working_dir).mkdir(parents=True, exist_ok=True)
    files.put(folder, params.files, context, params.limits.walls().disk_bytes)


def _argv(params: ScriptParams, folder: Path, installed: Path | None) -> list[str]:
    wanted = [PROGRAMS[params.interpreter], str(folder / SCRIPT)] if params.argv is None else params.argv
    if "/" in wanted[0]:
        return wanted
    if installed is not None and (installed / "bin" / wanted[0]).is_file():
        return [f"{requirements.PLACE}/bin/{wanted[0]}", *wanted[1:]]
    program = shutil.which(wanted[0], path=process.PATH)
    if program is None:
        raise PermanentFailure(
            f"{wanted[0]} is not installed on the worker's machine (looked in {process.PATH})",
            code=Failure.CONFIG_INVALID,
        )
    return [program, *wanted[1:]]


def _environment(folder: Path, context: Context) -> dict[str, str]:
    return {
        "PATH": process.PATH,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # or its output would come at the end, not as it is written
        "CARILLON_EXECUTION_ID": str(context.execution_id),
        "CARILLON_ATTEMPT": str(context.attempt),
        "CARILLON_IDEMPOTENCY_KEY": context.idempotency_key,
    }


def _keep(params: ScriptParams, context: Context, folder: Path, account: accounts.Account | None) -> list[Json]:
    return files.keep(folder, params.artifacts, context, os.geteuid() if account is None else account.uid)


def _kept_anyway(params: ScriptParams, context: Context, folder: Path, account: accounts.Account | None) -> list[Json]:
    """Of a failed attempt: what fails here must not hide why it failed."""
    try:
        return _keep(params, context, folder, account)
    except HandlerError as error:
        context.log(f"its artifacts are not kept: {error}", level="warning")
        return []


def _warning(context: Context) -> Callable[[str], None]:
    return lambda message: context.log(message, level="warning")
