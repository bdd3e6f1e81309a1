"""Runs one handler in a process of its own, for tests that kill it.

    python -m tests.support.handler_process '{"type": "dummy", "payload": {…}, "allowed_hosts": […], "level": null, "connections": {}}'

Prints the execution's id and folder, then every line that is logged. ``level`` "process group" declares that sandbox;
``bookmarks`` names a file that keeps them from one process to the next; soon after the one of row ``dies_at`` it is killed,
by the kernel's clock, so whoever started it may be slow. At the end it says its result or why it failed, and
what it took.
"""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs import handlers
from jobs.callables import registry
from tasks.sandbox import probe
from tests.support.contexts import RecordingContext


class Loud(RecordingContext):
    kept_in: Path | None = None
    dies_at: int | None = None

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        say(message)

    def keep_bookmark(self, name: str, value: Any) -> None:
        super().keep_bookmark(name, value)
        if self.kept_in is not None:
            written = self.kept_in.with_suffix(".new")
            written.write_text(json.dumps(self.bookmarks))
            written.rename(self.kept_in)
        if self.dies_at is not None and int(value["cursor"]["value"]) >= self.dies_at:
            self.dies_at = None
            signal.setitimer(signal.ITIMER_REAL, max(random.random() * 0.02, 1e-6))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.loads(sys.argv[1])
    handlers.load(["tasks.handlers"])
    registry.load(["tests.support.callables"])
    if order["level"] == "process group":
        settings.SANDBOX = probe.PROCESS_GROUP
    context = Loud(order["allowed_hosts"], revealed=order["connections"], timeout=3600)
    if order.get("bookmarks"):
        context.kept_in = Path(order["bookmarks"])
        context.dies_at = order.get("dies_at")
        context.bookmarks = json.loads(context.kept_in.read_text()) if context.kept_in.exists() else {}
    say(f"{context.execution_id} {context.folder()}")
    handler = handlers.get(order["type"])
    try:
        say(json.dumps(handler.run(handler.params.model_validate(order["payload"]), context)))
    except handlers.HandlerError as error:
        say(f"{error.code}: {error}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not its ru_maxrss: that begins with what the process that started it had.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    say(f"peak {peak[1]} KiB, {used.ru_utime + used.ru_stime:.1f} s of processor time")


if __name__ == "__main__":
    main()
