"""Runs one command on its leash and hands out its output as it comes.

An exception raised into this code, at whatever moment, leaves no command behind: the lifeline pipe
is closed on every way out, and the leash ends everything when it sees that.
"""

from __future__ import annotations

import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.sandbox import bubble, seccomp
from tasks.sandbox.accounts import Account
from tasks.sandbox.bubble import Mount
from tasks.sandbox.limits import Limits

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What has the leash ask its command to end, and do no more.
ASK = signal.SIGUSR2
LEASH = Path(__file__).with_name("leash.py")
#: Between SIGTERM and SIGKILL.
GRACE_SECONDS = 2.0
#: How long the leash may take beyond the grace before it is killed itself.
PATIENCE_SECONDS = 1.5
GLANCE_SECONDS = 0.2
CHUNK_BYTES = 64 * 1024

Deliver = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Wrapper:
    """How bubblewrap is called on this machine."""

    program: str
    hardening: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """What to run, where and as whom. ``argv[0]`` is an absolute path; the environment is all it gets."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    account: Account | None = None
    wrapper: Wrapper | None = None
    limits: Limits = field(default_factory=Limits)
    #: Only with a wrapper.
    mounts: Sequence[Mount] = ()
    #: Where below its folder it begins.
    start: str = ""
    #: A Unix socket through which what listens inside, on the one port there is, is handed out. Only with a wrapper.
    gate: socket.socket | None = None
    #: Shown in the process list beside the leash.
    label: str = ""


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code (128 + n for signal n), the limit it exceeded, or why it could not be started."""

    code: int | None = None
    error: str | None = None
    limit: str | None = None


def run(
    command: Command,
    deliver: Deliver,
    check: Callable[[], None] = lambda: None,
    should_end: Callable[[], bool] = lambda: False,
) -> Ending:
    """Run to the end. ``deliver`` gets ("stdout" or "stderr", bytes); ``check`` is called several times a second.

    Once ``should_end``, the command gets SIGTERM, and goes on or ends as it likes.

    If anything is raised meanwhile, the command is asked to end, then killed, and the exception passes on.
    """
    held = None
    with ExitStack() as descriptors:
        try:
            with _signals_waiting():
                held = _Held(command, descriptors)
            held.pump(deliver, held.asking(check, should_end))
        except BaseException:
            if held is not None:
                held.stop(deliver)
            raise
        return held.ending()


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """Let signals wait until the block is left, so that no handler raises between two steps of it.

    They are blocked, for the leash as well, which is started with them waiting until it can answer. That is not
    enough here: another thread takes a signal sent to the process, and Python runs its handler in the main
    thread all the same. So there handlers only note, and the signals are sent once more at the end.
    """
    noted: list[int] = []
    kept: dict[int, Any] = {}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if threading.current_thread() is threading.main_thread():
            kept = {number: own for number in signal.valid_signals() if callable(own := signal.getsignal(number))}
            for number in kept:
                signal.signal(number, lambda arrived, _: noted.append(arrived))
        yield
    finally:
        try:
            _handle(kept)
            for number in noted:
                signal.raise_signal(number)  # waits, being blocked, like those that have come meanwhile
        finally:
            _handle(kept)  # the first of them may have raised already
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _handle(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


class _Held:
    """A started command and our ends of its pipes."""

    def __init__(self, command: Command, descriptors: ExitStack) -> None:
        self._report = b""
        self._selector = descriptors.enter_context(selectors.DefaultSelector())
        with ExitStack() as theirs:
            writers = {name: self._pipe(name, descriptors, theirs) for name in ("stdout", "stderr", "report")}
            lifeline, ours = os.pipe()
            descriptors.callback(os.close, ours)
            theirs.callback(os.close, lifeline)
            spec, passed = _spec(command, theirs)
            spec |= {"report": writers["report"], "lifeline": lifeline}
            stdin = _memory(command.stdin, theirs)
            fd = _memory(marshal.dumps(spec), theirs)
            self._leash = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LEASH), command.label, str(fd)],
                stdin=stdin,
                stdout=writers["stdout"],
                stderr=writers["stderr"],
                pass_fds=[fd, lifeline, writers["report"], *passed],
                cwd="/",
                # What Python itself may need to start, and nothing of the worker's secrets.
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                start_new_session=True,
            )

    def _pipe(self, name: str, ours: ExitStack, theirs: ExitStack) -> int:
        reader, writer = os.pipe()
        ours.callback(os.close, reader)
        theirs.callback(os.close, writer)
        os.set_blocking(reader, False)
        self._selector.register(reader, selectors.EVENT_READ, name)
        return writer

    def pump(self, deliver: Deliver, check: Callable[[], None], until: float = float("inf")) -> None:
        """Hand out output until the leash is gone, and with it everybody who could write."""
        open_pipes = {"stdout", "stderr", "report"}
        while "report" in open_pipes and time.monotonic() < until:
            check()
            # The report last: what was written before it is read before it is believed.
            for key, _ in sorted(self._selector.select(GLANCE_SECONDS), key=lambda event: event[0].data == "report"):
                if not self._read(key, deliver):
                    open_pipes.discard(key.data)
        for key in list(self._selector.get_map().values()):
            while self._read(key, deliver):
                pass

    def asking(self, check: Callable[[], None], should_end: Callable[[], bool]) -> Callable[[], None]:
        """The check, which also asks the command to end, once."""
        asked = False

        def look() -> None:
            nonlocal asked
            check()
            if not asked and should_end():
                asked = True
                self._leash.send_signal(ASK)

        return look

    def _read(self, key: selectors.SelectorKey, deliver: Deliver) -> bool:
        """Read once; False when there is nothing now or, at the end, for ever."""
        try:
            data = os.read(key.fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(key.fileobj)
        elif key.data == "report":
            self._report += data
        else:
            deliver(key.data, data)
        return bool(data)

    def stop(self, deliver: Deliver) -> None:
        try:
            self._leash.send_signal(signal.SIGTERM)
            self.pump(deliver, lambda: None, time.monotonic() + GRACE_SECONDS + PATIENCE_SECONDS)
        finally:
            self._leash.kill()
            self._leash.wait()

    def ending(self) -> Ending:
        self._leash.wait()
        # A command that could not be started says so before the leash reports its exit.
        what, _, value = self._report.decode().partition("\n")[0].partition(" ")
        if what == "code":
            return Ending(code=int(value))
        if what == "limit":
            return Ending(limit=value)
        return Ending(error=value or "the process that held the command was killed")


def _spec(command: Command, descriptors: ExitStack) -> tuple[dict[str, Any], list[int]]:
    """The leash's orders, and the descriptors it passes on."""
    account, limits = command.account, command.limits
    spec: dict[str, Any] = {
        "parent": os.getpid(),
        "argv": list(command.argv),
        "env": dict(command.env),
        "folder": str(command.folder),
        "start": command.start,
        "uid": account and account.uid,
        "gid": account and account.gid,
        "limits": limits.walls(is_service_account=account is not None, is_wrapped=command.wrapper is not None),
        "limits_inside": limits.walls_inside(),
        "watch": limits.watched(is_wrapped=command.wrapper is not None),
        "grace": GRACE_SECONDS,
        "wrapped": command.wrapper is not None,
        "gate": None if command.gate is None else command.gate.fileno(),
    }
    if command.wrapper is None:
        return spec, []
    filter_fd = _memory(seccomp.program() or b"", descriptors)
    options = bubble.arguments(
        command.folder,
        command.env,
        hardening=command.wrapper.hardening,
        filter_fd=filter_fd,
        tmp_bytes=limits.tmp_bytes,
        mounts=command.mounts,
        start=command.start,
    )
    # Through a descriptor: a process list would show the environment, and bubblewrap must not live in it.
    fd = _memory(b"".join(option.encode() + b"\0" for option in options), descriptors)
    spec |= {"argv": [command.wrapper.program, "--args", str(fd), "--", *command.argv], "env": {}}
    return spec, [fd, filter_fd, *([] if command.gate is None else [command.gate.fileno()])]


def _memory(data: bytes, descriptors: ExitStack) -> int:
    """A descriptor from which the data can be read: no file to clean up, no pipe to fill."""
    fd = os.memfd_create("carillon")
    descriptors.callback(os.close, fd)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
