"""A user and a network namespace of the command's own, made by the leash before bubblewrap makes the rest.

Standard library only, and little of it: the leash imports this. The network namespace has a loopback device
and no other, so neither an address of the machine nor an abstract Unix socket of it is in reach. What listens
in there for the worker is bound here and handed out as a descriptor: connections made inside are accepted
outside. Bubblewrap's own user namespace lies within this one, so that nothing in it rules over the network, and
the kernel counts this attempt's processes apart from all others of the same user.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from typing import Any

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
PR_SET_DUMPABLE = 4
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
#: Where a command finds what listens for it, in a place where nothing else does.
GATE = ("127.0.0.1", 3128)


def enter(spec: dict[str, Any]) -> None:
    """Go there; with ``spec["gate"]``, a Unix socket, send a listening socket of that place through it."""
    uid, gid = os.getuid(), os.getgid()
    # After a change of user, /proc/self belongs to root until this is said.
    call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _loopback(spec["gate"])


def call(name: str, *arguments: int) -> None:
    """A function of the C library; OSError if it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def _loopback(gate: int | None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as device:
        fcntl.ioctl(device, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    if gate is None:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener, socket.socket(fileno=gate) as out:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(GATE)
        listener.listen(64)
        socket.send_fds(out, [b"."], [listener.fileno()])
