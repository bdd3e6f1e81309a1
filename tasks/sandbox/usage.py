"""What a command and all it has started use, asked of the kernel now and then; and which limit that exceeds.

Standard library only, and little of it: the leash imports this. A hard wall stands behind each limit (see
``process.py``), but most walls hold one process or one file, and none of them says that it was run into.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.sandbox.removal import opened

LOOK_SECONDS = 0.1
WEIGH_SECONDS = 0.25
#: A look takes at most this share of the time.
SHARE = 20
#: Folders in each other; a way to hide from the count, and of no other use.
DEEPEST = 64
LEAST_BYTES = 4096
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A line of /proc: times in seconds, memory in bytes."""

    pid: int
    parent: int
    cpu: float
    cpu_of_children: float
    threads: int
    began: int
    memory: int


def processes() -> dict[int, Process]:
    """All of the machine."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = _process(int(name), file.read().rpartition(b")")[2].split())
            except OSError:
                continue  # ended meanwhile
    return found


def _process(pid: int, words: list[bytes]) -> Process:
    utime, stime, children_utime, children_stime = (int(word) / TICKS for word in words[11:15])
    return Process(
        pid=pid,
        parent=int(words[1]),
        cpu=utime + stime,
        cpu_of_children=children_utime + children_stime,
        threads=int(words[17]),
        began=int(words[19]),
        memory=int(words[21]) * PAGE,
    )


def descendants() -> dict[int, Process]:
    """Those this process has started, and they, and so on."""
    everybody = processes()
    children: dict[int, list[int]] = {}
    for process in everybody.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: dict[int, Process] = {}
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found.update((pid, everybody[pid]) for pid in below)
        queue.extend(below)
    return found


@dataclass
class Watch:
    """Looks when it is due. ``limits``: cpu_seconds, memory and disk in bytes, processes (with their threads)."""

    limits: dict[str, int]
    folder: str
    _look_at: float = 0.0
    _weigh_at: float = 0.0
    _cpu: dict[tuple[int, int], float] = field(default_factory=dict)

    def wait_ms(self) -> float | None:
        """How long until the next look; None for ever."""
        return max(self._look_at - time.monotonic(), 0) * 1000 if self.limits else None

    def exceeded(self) -> str | None:
        """Which limit is exceeded, if it is time to look and one is."""
        begun = time.monotonic()
        if not self.limits or begun < self._look_at:
            return None
        alive = descendants()
        over = self._over(alive)
        self._look_at = begun + max(LOOK_SECONDS, SHARE * (time.monotonic() - begun))
        if over is None and begun >= self._weigh_at:
            begun = time.monotonic()
            over = self._weighed(alive)
            self._weigh_at = begun + max(WEIGH_SECONDS, SHARE * (time.monotonic() - begun))
        return over

    def _over(self, alive: dict[int, Process]) -> str | None:
        if sum(process.threads for process in alive.values()) > self.limits["processes"]:
            return "processes"
        if self._spent(alive) > self.limits["cpu_seconds"]:
            return "cpu_seconds"
        most = self.limits["memory"]
        # What is shared after a fork would count once for each who shares it: then the longer way.
        if sum(process.memory for process in alive.values()) > most and sum(map(_own_memory, alive.values())) > most:
            return "memory"
        return None

    def _spent(self, alive: dict[int, Process]) -> float:
        """Whoever ends without being waited for adds nothing to its parent, so that is remembered here."""
        self._cpu.update(((process.pid, process.began), process.cpu) for process in alive.values())
        return max(sum(self._cpu.values()), sum(each.cpu + each.cpu_of_children for each in alive.values()))

    def _weighed(self, alive: dict[int, Process]) -> str | None:
        most = self.limits["disk"]
        try:
            device = os.stat(self.folder).st_dev
            used = 0
            for size in _sizes(self.folder):
                used += size
                if used > most:
                    return "disk"
            return "disk" if used + sum(_nameless(alive, device).values()) > most else None
        except OSError:
            return None  # changed under the hand; next time

    def at_the_end(self, code: int) -> str | None:
        """Which limit made the command fail, as far as its exit code and what it has used can tell."""
        if not self.limits or code == 0:
            return None
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        if used.ru_utime + used.ru_stime >= self.limits["cpu_seconds"] - 0.5:
            return "cpu_seconds"
        if used.ru_maxrss * 1024 >= self.limits["memory"]:
            return "memory"
        return "disk" if code == 128 + signal.SIGXFSZ else None


def _own_memory(process: Process) -> int:
    """With its share of what it shares."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except ProcessLookupError:
        return 0
    except OSError:
        return process.memory
    return 0


def _sizes(folder: str) -> Iterator[int]:
    """Of everything in the folder, as it lies on the disk. No link is followed, whoever is changing it."""
    stack = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY)]
    listed = [os.scandir(stack[0])]
    try:
        while stack:
            entry = next(listed[-1], None)
            if entry is None:
                listed.pop().close()
                os.close(stack.pop())
                continue
            try:
                found = os.stat(entry.name, dir_fd=stack[-1], follow_symlinks=False)
                yield max(found.st_blocks * 512, LEAST_BYTES)
                if stat.S_ISDIR(found.st_mode):
                    if len(stack) > DEEPEST:
                        yield 1 << 62
                    stack.append(opened(entry.name, stack[-1]))
                    listed.append(os.scandir(stack[-1]))
            except OSError:
                continue  # gone meanwhile
    finally:
        for each in listed:
            each.close()
        for fd in stack:
            os.close(fd)


def _nameless(alive: dict[int, Process], device: int) -> dict[int, int]:
    """Sizes of files of that device which are open and in no folder any more, by number."""
    found = {}
    for pid in alive:
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            try:
                open_file = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if open_file.st_nlink == 0 and open_file.st_dev == device and stat.S_ISREG(open_file.st_mode):
                found[open_file.st_ino] = open_file.st_blocks * 512
    return found
