"""What a command sees inside bubblewrap: the system's programs, its own folder, nothing else.

Own process, mount, IPC, host-name and control-group namespaces, within the user and network namespaces
that the leash has made (``namespaces.py``); a read-only root that holds /usr and the few files of /etc
that programs need; /tmp and /dev/shm in memory, of a size. The repository, CARILLON_HOME and other
tenants' folders are simply not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.sandbox.limits import SHARED_BYTES

SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    "alternatives",
    "ca-certificates",
    "group",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "passwd",
    "pki",
    "protocols",
    "services",
    "ssl",
)
NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "sandbox",
    "--die-with-parent",
    "--new-session",  # no pushing of characters into a terminal
)
#: Not known to every bubblewrap in use; the system calls that it forbids are refused by the filter as well.
HARDENING = ("--disable-userns",)
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mount:
    """A folder of the host that the command finds under another name."""

    source: Path
    target: str
    writable: bool = False


def arguments(
    folder: Path,
    env: Mapping[str, str],
    *,
    hardening: Sequence[str] = (),
    filter_fd: int,
    tmp_bytes: int,
    mounts: Sequence[Mount] = (),
    start: str = "",
) -> list[str]:
    """Bubblewrap's options for a command in this folder, with this environment; it begins in ``start`` below it."""
    return [
        *NAMESPACES,
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SHARED_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108 - the sandbox's own
        *("--remount-ro", "/dev"),  # its devices go on working
        *hardening,
        *("--size", str(tmp_bytes), "--tmpfs", "/tmp"),  # noqa: S108 - the sandbox's own
        *_blanked(),
        *("--bind", str(folder), str(folder)),
        *(part for each in mounts for part in (_bind(each), str(each.source), each.target)),
        *("--remount-ro", "/"),
        *("--seccomp", str(filter_fd)),
        *("--chdir", str(folder / start)),
        "--clearenv",
        *(part for name, text in env.items() for part in ("--setenv", name, text)),
    ]


def _bind(mount: Mount) -> str:
    return "--bind" if mount.writable else "--ro-bind"


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in SYSTEM:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        else:
            yield from ("--ro-bind-try", path, path)
    for name in ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _blanked() -> Iterator[str]:
    """Empty folders over what is ours inside /usr, where a container image may have installed us."""
    home = Path(os.environ.get("CARILLON_HOME", REPOSITORY / ".carillon")).resolve()
    for path in (REPOSITORY, home):
        if path.is_relative_to("/usr") and path.is_dir():
            yield from ("--tmpfs", str(path))
