"""The ``script`` job type: a text handed to an interpreter, in a sandbox.

It runs in the attempt's own folder, as another user when we are root, in namespaces of its own
where bubblewrap works, and nothing it starts outlives it. The network is open to it.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from jobs.handlers import Cancelled, Context, Handler, HandlerError, Json, Params, PermanentFailure
from jobs.rules.codes import Failure
from tasks import sandbox
from tasks.sandbox import accounts, output, probe, process

PROGRAMS = {"sh": "sh", "bash": "bash", "python": "python3", "node": "node"}


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character, which neither scripts nor environments can")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class ScriptParams(Params):
    interpreter: Literal["sh", "bash", "python", "node"] = "sh"
    script: Annotated[Text, Field(min_length=1, max_length=512 * 1024)]
    env: dict[Name, Text] = Field(default={}, description="Added to a clean environment.")
    stdin: str = ""


class Script(Handler[ScriptParams]):
    job_type = "script"
    title = "Script"
    description = (
        "Runs a script. Its result is the JSON after '::result ' on a line of its output,"
        " or else the last line that is a JSON object or array. Any exit code but 0 fails the attempt."
    )
    params = ScriptParams
    inputs = frozenset({"stdin"})  # not env: a shell runs what BASH_ENV says
    without_secrets: ClassVar[dict[str, str]] = {
        "script": "its text is stored in a file; hand the secret over in env or stdin, and read it there"
    }
    example: ClassVar[dict[str, Json]] = {
        "interpreter": "sh",
        "script": 'echo "Hello, $NAME"\necho \'::result {"rows": 3}\'\n',
        "env": {"NAME": "world"},
    }

    def run(self, params: ScriptParams, context: Context) -> Json:
        started = time.monotonic()
        command = _command(params, context)
        context.log(f"running {command.argv[0]} in sandbox: {sandbox.level()}")
        printed = output.Output(context)

        def check() -> None:
            if context.cancelled:
                raise Cancelled

        try:
            ending = process.run(command, printed.feed, check, lambda: context.ending)
        finally:
            printed.close()
        if ending.code is None:
            raise PermanentFailure(
                f"{params.interpreter} could not be run: {ending.error}", code=Failure.CONFIG_INVALID
            )
        dropped = f", {printed.dropped} bytes of output dropped" if printed.dropped else ""
        context.log(f"exit code {ending.code} after {time.monotonic() - started:.1f} s{dropped}")
        if ending.code != 0:
            raise _failed(ending.code)
        return printed.result


def _command(params: ScriptParams, context: Context) -> process.Command:
    program = shutil.which(PROGRAMS[params.interpreter], path=process.PATH)
    if program is None:
        raise PermanentFailure(
            f"{PROGRAMS[params.interpreter]} is not installed on the worker's machine (looked in {process.PATH})",
            code=Failure.CONFIG_INVALID,
        )
    account = accounts.service_account()
    folder = context.folder().resolve()
    script = folder / "script"
    script.write_text(params.script, encoding="utf-8")
    accounts.hand_over(folder, account)
    return process.Command(
        argv=[program, str(script)],
        folder=folder,
        env=_environment(params.env, folder, context),
        stdin=params.stdin.encode(),
        account=account,
        wrapper=probe.wrapper(),
        label=str(context.execution_id),
    )


def _environment(given: Mapping[str, str], folder: Path, context: Context) -> dict[str, str]:
    return {
        "PATH": process.PATH,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # or its output would come at the end, not as it is written
        "CARILLON_EXECUTION_ID": str(context.execution_id),
        "CARILLON_ATTEMPT": str(context.attempt),
        "CARILLON_IDEMPOTENCY_KEY": context.idempotency_key,
        **given,
    }


def _failed(code: int) -> HandlerError:
    message = f"exit code {code}"
    if code - 128 in signal.valid_signals():
        message += f", which means killed by {signal.Signals(code - 128).name}"
    return HandlerError(message, tags={f"exit:{code}"}, result={"exit_code": code})
