"""Runs one handler in a process of its own, for tests that kill it.

    python -m tests.support.handler_process '{"type": "dummy", "payload": {…}, "allowed_hosts": […], "level": null, "connections": {}}'

Prints the execution's id and folder, then every line that is logged. ``level`` "process group" declares that sandbox.
"""

from __future__ import annotations

import json
import sys

from django.conf import settings

from jobs import handlers
from jobs.callables import registry
from tasks.sandbox import probe
from tests.support.contexts import RecordingContext


class Loud(RecordingContext):
    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        say(message)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.loads(sys.argv[1])
    handlers.load(["tasks.handlers"])
    registry.load(["tests.support.callables"])
    if order["level"] == "process group":
        settings.SANDBOX = probe.PROCESS_GROUP
    context = Loud(order["allowed_hosts"], revealed=order["connections"])
    say(f"{context.execution_id} {context.folder()}")
    handler = handlers.get(order["type"])
    handler.run(handler.params.model_validate(order["payload"]), context)


if __name__ == "__main__":
    main()
