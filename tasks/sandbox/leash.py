"""Holds one command, and everything it ever starts, until all of it is gone.

    worker ──lifeline──▶ leash (sub-reaper) ──▶ command ──▶ its children, daemons …
           ◀──report────

A program of its own, run as ``python -I -S leash.py <label> <spec fd>``: of ours it imports two modules
that import nothing else, and of the standard library only what loads fast, to start within 30 ms. The
spec is a marshalled dictionary (see ``process.py``).

Whatever loses its parent below the leash becomes the leash's own child, so nothing gets away by
forking twice. The leash ends all of it when the command ends, when it is told to by SIGTERM (the
command gets the signal first, and a grace), when the lifeline closes, when its parent dies, or when it
uses more than it may. To the report it writes ``code 0``, ``limit memory``, or ``error …`` if the command
could not be started.
"""

from __future__ import annotations

import marshal
import os
import resource
import select
import signal
import sys
import time
from typing import Any, NoReturn

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tasks.sandbox import namespaces, usage

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PARENT_DIED = signal.SIGUSR1
#: The command is asked to end, without more.
ASK = signal.SIGUSR2
#: Pause between two looks at what is still alive while ending it.
SWEEP_MS = 5


def main() -> None:
    spec = _read_spec(int(sys.argv[2]))
    for fd in (spec["report"], spec["lifeline"]):
        os.set_inheritable(fd, False)
    wakeup = _hear_signals()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, PARENT_DIED)
    if os.getppid() != spec["parent"]:
        return  # it died before the line above
    child = os.fork()
    if child == 0:
        _become(spec)
    watch = usage.Watch(spec["watch"], spec["folder"])
    code, exceeded = _watch(child, spec, wakeup, watch)
    _end_all(wakeup)
    if code is not None:
        exceeded = watch.at_the_end(code)
    if exceeded is not None:
        _report(spec, "limit", exceeded)
    elif code is not None:
        _report(spec, "code", code)
    os._exit(0)  # an orderly end of the interpreter takes longer than all of the above


def _read_spec(fd: int) -> dict[str, Any]:
    with os.fdopen(fd, "rb") as file:
        spec: dict[str, Any] = marshal.load(file)  # noqa: S302 - written by our own parent, same interpreter
        return spec


def _report(spec: dict[str, Any], what: str, value: object) -> None:
    os.write(spec["report"], f"{what} {value}\n".encode())


def _hear_signals() -> int:
    """A descriptor on which each signal arrives as its number."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGCHLD, PARENT_DIED, ASK):
        signal.signal(number, lambda *_: None)
    # The worker may have started us while it held signals back.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return reader


def _prctl(option: int, value: int) -> None:
    namespaces.call("prctl", option, value, 0, 0, 0)


def _become(spec: dict[str, Any]) -> NoReturn:
    """Turn this fresh child into the command."""
    try:
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.chdir(os.path.join(spec["folder"], spec["start"]))
        _be_first_to_go()
        _limit_all(spec["limits"])
        if spec["uid"] is not None:
            os.setgroups([])
            os.setresgid(spec["gid"], spec["gid"], spec["gid"])
            os.setresuid(spec["uid"], spec["uid"], spec["uid"])
        if spec["wrapped"]:
            namespaces.enter(spec)
            _limit_all(spec["limits_inside"])
        else:
            _prctl(PR_SET_NO_NEW_PRIVS, 1)  # bubblewrap sets this itself
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - the purpose of this program
    except OSError as error:
        _report(spec, "error", f"{error.strerror} ({error.filename or error.errno})")
    except Exception as error:  # noqa: BLE001 - nobody is above us
        _report(spec, "error", f"{type(error).__name__}: {error}")
    finally:
        os._exit(127)


def _be_first_to_go() -> None:
    """When the machine runs out of memory the kernel ends this, and not the worker."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # a container may forbid it; the other walls stand


def _limit_all(limits: dict[str, int]) -> None:
    for name, wanted in limits.items():
        _limit(getattr(resource, name), wanted)


def _limit(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _watch(
    child: int, spec: dict[str, Any], wakeup: int, watch: usage.Watch
) -> tuple[int, None] | tuple[None, str | None]:
    """Wait for the command's exit code; without one it is to be ended, for the limit that it has exceeded if so."""
    poller = select.poll()
    poller.register(wakeup, select.POLLIN)
    poller.register(spec["lifeline"], select.POLLIN)
    deadline: float | None = None
    while True:
        waits = [watch.wait_ms(), None if deadline is None else max(deadline - time.monotonic(), 0) * 1000]
        ready = {fd for fd, _ in poller.poll(min((wait for wait in waits if wait is not None), default=None))}
        if spec["lifeline"] in ready or (deadline is not None and time.monotonic() >= deadline):
            return None, None
        signals = os.read(wakeup, 512) if wakeup in ready else b""
        code = _reap(child)
        if code is not None:
            return code, None
        if PARENT_DIED in signals:
            return None, None
        exceeded = watch.exceeded()
        if exceeded is not None:
            return None, exceeded
        if signal.SIGTERM in signals and deadline is None:
            deadline = time.monotonic() + spec["grace"]
            _ask(child, spec)
        elif ASK in signals:
            _ask(child, spec)


def _ask(child: int, spec: dict[str, Any]) -> None:
    # Asked to end, bubblewrap would end what it holds without asking it.
    _send(signal.SIGTERM, set(usage.descendants()) - ({child} if spec["wrapped"] else set()))


def _reap(child: int) -> int | None:
    """Collect whatever has ended; the child's exit code if it is among it, 128 + n for signal n."""
    found = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
                found = code if code >= 0 else 128 - code
    except ChildProcessError:
        pass
    return found


def _end_all(wakeup: int) -> None:
    """Kill every descendant. They are stopped first: what is stopped cannot fork while the rest is looked for."""
    stopped: set[int] = set()
    poller = select.poll()
    poller.register(wakeup, select.POLLIN)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        alive = set(usage.descendants())
        if alive - stopped:
            _send(signal.SIGSTOP, alive - stopped)
            stopped |= alive
        else:
            _send(signal.SIGKILL, alive)
            if poller.poll(SWEEP_MS):
                os.read(wakeup, 512)


def _send(number: int, pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
