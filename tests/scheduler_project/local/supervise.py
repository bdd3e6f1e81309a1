"""A supervisor of the programs given as JSON, as a process of its own: ``supervise.py LOGS PROGRAMS``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from scheduler_project.local.child import Program
from scheduler_project.local.output import Output
from scheduler_project.local.supervisor import Supervisor


async def idle() -> None:
    """Nothing beside the programs."""


def main(logs: str, programs: str) -> None:
    output = Output(Path(logs))
    described = [
        Program(argv=[sys.executable, "-u", "-c", program.pop("code"), "{turn}"], env=dict(os.environ), **program)
        for program in json.loads(programs)
    ]
    asyncio.run(Supervisor([], described, output).run(idle, lambda: output.say("rolled")))


if __name__ == "__main__":
    main(*sys.argv[1:])
