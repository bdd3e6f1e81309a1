"""Commands to run in a sandbox, and what is heard of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.sandbox import process
from tasks.sandbox.process import Command, Ending

#: A process that has lost its parent, its session and its output: ``$MARK`` in its environment finds it.
#: Returns when it is up.
DAEMON = """
setsid sh -c 'sh -c "exec >/dev/null 2>&1; touch up; exec sleep 120" &' &
while [ ! -e up ]; do sleep 0.01; done
"""


def sh(command: Command, script: str, **changes: Any) -> Command:
    return replace(command, argv=["/bin/sh", "-c", script], **changes)


def mark(command: Command) -> str:
    return f"MARK={command.env['MARK']}"


class Heard(list[tuple[str, bytes]]):
    """Collects what is delivered."""

    def __call__(self, stream: str, data: bytes) -> None:
        self.append((stream, data))

    def of(self, stream: str) -> bytes:
        return b"".join(data for name, data in self if name == stream)


def printed(command: Command) -> str:
    heard = Heard()
    assert process.run(command, heard) == Ending(code=0)
    return heard.of("stdout").decode()
