"""A supervisor of the programs given as JSON, as a process of its own: ``supervise.py LOGS PROGRAMS``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from scheduler_project.local.child import Program
from scheduler_project.local.errors import LocalError
from scheduler_project.local.output import Output
from scheduler_project.local.supervisor import Rolling, Supervisor


async def idle() -> None:
    """Nothing beside the programs."""


def main(logs: str, programs: str) -> None:
    output = Output(Path(logs))
    described = [
        Program(argv=[sys.executable, "-u", "-c", program.pop("code"), "{turn}"], env=dict(os.environ), **program)
        for program in json.loads(programs)
    ]

    def prepare() -> None:
        output.say("prepared")
        if (Path(logs) / "refuse").exists():
            raise LocalError("it is refused")

    rolling = Rolling(prepare, lambda problem: output.say(f"called off: {problem}" if problem else "rolled"))
    asyncio.run(Supervisor([], described, output).run(idle, rolling))


if __name__ == "__main__":
    main(*sys.argv[1:])
