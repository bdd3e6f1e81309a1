"""RabbitMQ from its system package, as a process of the tests: on loopback, with its own epmd, in a folder that goes."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from scheduler_project.local import leash, ports

START_SECONDS = 90
#: Debian's own in PATH changes into the package's folder and user.
PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@cache
def shared() -> dict[str, Any]:
    """The fields of a connection to one server for this test process, started when a test first asks."""
    stack = ExitStack()
    atexit.register(stack.close)
    port = stack.enter_context(running())
    return {
        "kind": "rabbitmq", "host": "127.0.0.1", "port": port, "user": "guest", "password": "guest-guest", "tls": "off"
    }  # fmt: skip


@contextmanager
def running() -> Iterator[int]:
    """Its port. Its one user is ``guest`` with the password ``guest-guest``."""
    port, epmd_port, peer_port = ports.free(), ports.free(), ports.free()
    with leash.temporary_folder("carillon-rabbitmq-") as folder, ExitStack() as stack:
        configuration = f"listeners.tcp.1 = 127.0.0.1:{port}\ndefault_pass = guest-guest\nlog.console = false\n"
        (folder / "rabbitmq.conf").write_text(configuration)
        environment = {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"carillon{port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(peer_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
        }
        log = stack.enter_context((folder / "output").open("wb"))
        # Started by us, so that it ends with us: RabbitMQ would leave behind the one that it starts.
        epmd = ["epmd", "-port", str(epmd_port), "-address", "127.0.0.1"]
        for command in (epmd, [PROGRAM]):
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        # The script starts the server proper, which works in the folder too.
        stack.callback(_end, folder)
        _wait(port, process, folder)
        yield port


def _end(folder: Path) -> None:
    """At once: there is nothing in it to be saved."""
    for pid in leash.inhabitants(folder):
        os.kill(pid, 9)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "output").read_text()
            time.sleep(0.05)
        else:
            return
