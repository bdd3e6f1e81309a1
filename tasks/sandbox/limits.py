"""How much a command may use, and the walls and the watch that hold it to that.

A wall of the kernel's stops one process or one file; the leash's watch (``usage.py``) stops all of them together
and says which limit it was. Where the wall alone would end a command without saying why, it stands further out.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
#: Of what lies in memory and looks like files to the command: /tmp and /dev/shm.
TMP_BYTES, SHARED_BYTES = 256 * MIB, 64 * MIB
#: Bubblewrap's own, beside those of the command.
HOLDERS = 2
#: Over all attempts of the same system user; an ordinary user's desktop may be among them. Where the kernel counts
#: each attempt apart as well, this is only what all may have together.
MOST_OF_ACCOUNT, MOST_OF_OURSELVES, MOST_APART = 1024, 4096, 8192


@dataclass(frozen=True)
class Limits:
    """Of one command with all that it starts. Processes include their threads."""

    cpu_seconds: int = 24 * 3600
    memory_bytes: int = 2048 * MIB
    processes: int = 256
    disk_bytes: int = 2048 * MIB
    open_files: int = 1024

    def walls(self, *, is_service_account: bool, is_wrapped: bool) -> dict[str, int]:
        """Resource limits from the start."""
        return {
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_FSIZE": self.disk_bytes,
            "RLIMIT_CPU": self.cpu_seconds + 1,
            # One allocation of this much is refused; smaller steps are seen by the watch first.
            "RLIMIT_DATA": 2 * self.memory_bytes + 512 * MIB,
            "RLIMIT_NPROC": MOST_APART if is_wrapped else MOST_OF_ACCOUNT if is_service_account else MOST_OF_OURSELVES,
        }

    def walls_inside(self) -> dict[str, int]:
        """In a user namespace of its own, whose processes the kernel counts by themselves."""
        # Further out than the limit: what the watch must see is that somebody has more.
        return {"RLIMIT_NPROC": self.processes + HOLDERS + max(self.processes // 2, 64)}

    def watched(self, *, is_wrapped: bool) -> dict[str, int]:
        """What the leash looks for."""
        return {
            "cpu_seconds": self.cpu_seconds,
            "memory": self.memory_bytes,
            "processes": self.processes + (HOLDERS if is_wrapped else 0),
            "disk": self.disk_bytes,
        }

    @property
    def tmp_bytes(self) -> int:
        return min(self.disk_bytes, TMP_BYTES)
