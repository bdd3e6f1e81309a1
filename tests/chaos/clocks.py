"""Clocks of single processes, set while they run, by libfaketime.

Each role has a file with its offset, which the library reads anew each second. Only wall clocks
are faked: the monotonic and boot-time clocks stay the machine's, as they do when somebody sets a clock.
"""

from __future__ import annotations

from pathlib import Path

PLACES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
)
ROLES = ("web", "engine", "worker")


def library() -> Path | None:
    """libfaketime for programs with threads, where its Debian package has put it; None without."""
    return next((place for place in PLACES if place.exists()), None)


class Clocks:
    """``set`` changes what every process of a role takes for the time. Without the library, or unless asked for, nothing does."""

    def __init__(self, folder: Path, *, used: bool) -> None:
        self._folder = folder
        self._library = _without_absolute_sleep(folder) if used else None
        for role in ROLES:
            self.set(role, 0)

    @property
    def usable(self) -> bool:
        """Whether setting one has an effect."""
        return self._library is not None

    def environment(self, role: str) -> dict[str, str]:
        """What the processes of a role need to be told for it."""
        if role not in ROLES or self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(role)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, role: str, seconds: float) -> None:
        """As one step: a half-written offset would be another time."""
        draft = self._folder / f"clock-{role}.new"
        draft.write_text(f"{seconds:+.3f}s\n")
        draft.replace(self._file(role))

    def _file(self, role: str) -> Path:
        return self._folder / f"clock-{role}"


def _without_absolute_sleep(folder: Path) -> Path | None:
    """A copy that leaves ``clock_nanosleep`` alone: 0.9.10 answers EINVAL to absolute sleeps, which is how Python sleeps."""
    original = library()
    if original is None:
        return None
    copy = folder / original.name
    copy.write_bytes(original.read_bytes().replace(b"\0clock_nanosleep\0", b"\0clock_nanosleeq\0"))
    return copy
