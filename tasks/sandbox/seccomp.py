"""Which system calls a command may not make, as a program for the kernel.

A list of what is refused, not of what is allowed: it takes away what scripts have no use for and what escapes are
made of, on top of namespaces that already hold. Refused calls fail with EPERM; ENOSYS is said where programs then
take another way. Two architectures; on others the level cannot be declared.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator, Mapping

EPERM, ENOSYS = 1, 38
ALLOW, KILL, ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
#: Offsets in what the kernel shows of a call.
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24
ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
#: Calls numbered from here on are those of x32, which would be a way around every number below.
X32 = 0x4000_0000
NAMESPACES = 0x7E02_0000  # CLONE_NEW*
TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type into somebody's terminal

#: Their numbers where they differ: x86_64, aarch64.
_DIFFERING = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "quotactl": (179, 60), "syslog": (103, 116), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262), "personality": (135, 92), "shmget": (29, 194), "memfd_create": (319, 279),
    "settimeofday": (164, 170), "clock_settime": (227, 112),
}  # fmt: skip
#: The same everywhere, since Linux gave new calls one number.
_SAME = {
    "pidfd_getfd": 438, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
    "memfd_secret": 447,
}  # fmt: skip
#: Memory that belongs to no process would be nobody's in the counting; without io_uring programs just read and write.
_ABSENT = {"memfd_create", "memfd_secret", "shmget", "io_uring_setup", "io_uring_enter", "io_uring_register"}
_CLONE, _CLONE3, _IOCTL = (56, 220), 435, (16, 29)


def program(machine: str = "") -> bytes | None:
    """What bubblewrap is to load; None on an architecture whose numbers are not known here."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        return None
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _instructions(machine))


def _instructions(machine: str) -> Iterator[tuple[int, int, int, int]]:
    column = list(ARCHITECTURES).index(machine)
    yield (LOAD, 0, 0, ARCHITECTURE)
    yield (EQUAL, 1, 0, ARCHITECTURES[machine])
    yield (RETURN, 0, 0, KILL)
    yield (LOAD, 0, 0, NUMBER)
    if machine == "x86_64":
        yield from _refuse(AT_LEAST, X32, EPERM)
    for name, number in _numbers(column).items():
        yield from _refuse(EQUAL, number, ENOSYS if name in _ABSENT else EPERM)
    yield from _refuse(EQUAL, _CLONE3, ENOSYS)  # its flags are out of sight: programs fall back to clone
    yield from _judged(_CLONE[column], FIRST, [(ANY_BIT, NAMESPACES)])
    yield from _judged(_IOCTL[column], SECOND, [(EQUAL, wish) for wish in TERMINAL])
    yield (RETURN, 0, 0, ALLOW)


def _numbers(column: int) -> Mapping[str, int]:
    return {name: numbers[column] for name, numbers in _DIFFERING.items()} | _SAME


def _refuse(test: int, value: int, error: int) -> Iterator[tuple[int, int, int, int]]:
    yield (test, 0, 1, value)
    yield (RETURN, 0, 0, ERRNO | error)


def _judged(number: int, argument: int, tests: list[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """One call, refused when its argument passes any of the tests, allowed otherwise."""
    yield (EQUAL, 0, 2 + 2 * len(tests), number)
    yield (LOAD, 0, 0, argument)
    for test, value in tests:
        yield from _refuse(test, value, EPERM)
    yield (RETURN, 0, 0, ALLOW)
