"""An embedded PostgreSQL 18 on 127.0.0.1, from the binaries a wheel carries.

A server belongs to its data folder: whoever names the folder finds the server running there,
also one started by a process that is gone (``postmaster.pid`` names it; that its working
directory is the data folder proves it is no other process with a reused pid). There is no Unix
socket, and every connection, from the first, needs the password.

``durable=False`` trades crash safety for speed, for tests only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

from scheduler_project.local import cluster, leash, service_user, wheels
from scheduler_project.local.errors import LocalError

#: Crash recovery of a busy server may take minutes.
START_SECONDS = 300.0
STOP_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Postgres:
    """The server of one data folder. ``user`` is the account it runs as; None means our own."""

    name = "postgres"

    def __init__(
        self,
        data: Path,
        *,
        log: Path,
        password: str,
        port: int,
        user: pwd.struct_passwd | None = None,
        durable: bool = True,
    ) -> None:
        self.data = data
        self.log = log
        self.password = password
        self.port = port
        self._user = user
        self._durable = durable
        self._binaries = service_user.binaries_for(user, wheels.postgresql())
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The superuser's log-in."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns once connections are answered; a server already running here is taken over.

        Raises:
            LocalError: it ended again, or took too long; the message quotes its log.
        """
        if not self.data.exists():
            cluster.initialise(
                self.data, binaries=self._binaries, password=self.password, user=self._user, durable=self._durable
            )
        deadline = time.monotonic() + START_SECONDS
        launched = False
        while not is_ready(self.data):
            if not self.alive():
                if launched:
                    raise LocalError(f"PostgreSQL does not start. {self._end_of_log()}")
                self.launch()
                launched = True
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL is not up after {START_SECONDS:.0f} s. {self._end_of_log()}")
            time.sleep(0.02)
        self.port = int(_pid_file(self.data)[3])

    def launch(self) -> None:
        """Starts the server without waiting for it. Nothing may be alive here."""
        # Left by `kill -9`. PostgreSQL itself would take it for valid if its pid is another process's by now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = SETTINGS if self._durable else SETTINGS | FORGETFUL
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", str(self.data), f"--port={self.port}", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **service_user.account(self._user),
            )

    def alive(self) -> bool:
        """Whether anything of a server still works here, the last processes of a killed one included."""
        if self._process is not None and self._process.poll() is None:
            return True
        return running_pid(self.data) is not None or bool(leash.inhabitants(self.data))

    def stop(self, mode: str = "fast") -> None:
        """Ends the server and waits: ``fast`` writes everything down, ``immediate`` leaves it to recovery."""
        stop(self.data, mode)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-5:]])


def is_ready(data: Path) -> bool:
    """Whether the server of that data folder answers connections."""
    lines = _pid_file(data)
    return len(lines) > 7 and lines[7].strip() == "ready" and running_pid(data) is not None


def running_pid(data: Path) -> int | None:
    """The server process of that data folder, whoever has started it."""
    lines = _pid_file(data)
    # Another user's process, or none, is not this server: the link cannot be read.
    with contextlib.suppress(OSError):
        if lines and Path(f"/proc/{int(lines[0])}/cwd").readlink() == data.resolve():
            return int(lines[0])
    return None


def stop(data: Path, mode: str = "fast") -> None:
    """Ends the server of that data folder, if one runs, and waits for its last process."""
    deadline = time.monotonic() + STOP_SECONDS
    told = None
    while leash.inhabitants(data):
        pid = running_pid(data)
        if pid is not None and pid != told:
            os.kill(pid, STOP_SIGNALS[mode])
            told = pid
        if time.monotonic() > deadline:
            raise LocalError(f"PostgreSQL (pid {pid}) in {data} has not stopped within {STOP_SECONDS:.0f} s.")
        time.sleep(0.02)


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
