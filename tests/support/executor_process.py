"""The reference executor as a process: ``python -m tests.support.executor_process URL KEY NAME QUEUE MAX CAPABILITY…``.

Its work does what the payload's ``do`` says.
"""

from __future__ import annotations

import sys
from typing import Any

from carillon_client.executor import Executor, Failed, Task


def work(task: Task) -> Any:
    do = task.payload["do"]
    task.log(f"doing {do}")
    if do == "fail":
        raise Failed("it cannot be done", code="NO_WAY", permanent=True)
    if do == "hang" and (task.attempt == 1 or task.payload.get("always")):
        task.wait(120)
    task.progress(1, "done")
    return {"did": do, "by": sys.argv[3]}


if __name__ == "__main__":
    url, key, name, queue, most, *capabilities = sys.argv[1:]
    Executor(
        url, key, name=name, queues=[queue], capabilities=capabilities, max_concurrent=int(most), patience=1.0
    ).run(work)
