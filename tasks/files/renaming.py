"""A file put under a name that nobody has, in one step: at no instant has it two names."""

from __future__ import annotations

import ctypes
import errno
import os

_NOREPLACE = 1
#: Of a kernel, a filter of system calls or a file system that does not know it.
_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP}
_libc = ctypes.CDLL(None, use_errno=True)


def to_free_name(source: tuple[int, str], target: tuple[int, str]) -> None:
    """Rename, each a folder's descriptor with a name in it; FileExistsError if the new name is taken.

    Where the system cannot, the file has both names for an instant, and after a crash in it until it is swept.
    """
    function = getattr(_libc, "renameat2", None)
    if function is None:
        _link(source, target)
        return
    if function(source[0], os.fsencode(source[1]), target[0], os.fsencode(target[1]), _NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNKNOWN:
        raise OSError(number, os.strerror(number), target[1])
    _link(source, target)


def _link(source: tuple[int, str], target: tuple[int, str]) -> None:
    os.link(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0], follow_symlinks=False)
    os.unlink(source[1], dir_fd=source[0])
