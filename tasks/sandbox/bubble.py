"""What a command sees inside bubblewrap: the system's programs, its own folder, the network, nothing else.

Own process, IPC, host-name and control-group namespaces; a read-only root that holds /usr and the
few files of /etc that programs need; /tmp in memory. The repository, CARILLON_HOME and other
tenants' folders are simply not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

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
    "resolv.conf",
    "services",
    "ssl",
)
NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",  # no pushing of characters into a terminal
)
#: Not known to every bubblewrap in use. The size belongs to the /tmp that follows it.
HARDENING = ("--disable-userns", "--size", str(256 * 1024 * 1024))
REPOSITORY = Path(__file__).resolve().parents[2]


def arguments(folder: Path, env: Mapping[str, str], hardening: tuple[str, ...]) -> list[str]:
    """Bubblewrap's options for a command in this folder, with this environment."""
    return [
        *NAMESPACES,
        *_system(),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        *hardening,
        "--tmpfs",
        "/tmp",  # noqa: S108 - the sandbox's own
        *_blanked(),
        "--bind",
        str(folder),
        str(folder),
        "--remount-ro",
        "/",
        "--chdir",
        str(folder),
        "--clearenv",
        *(part for name, text in env.items() for part in ("--setenv", name, text)),
    ]


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
