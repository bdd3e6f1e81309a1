"""A disk of its own that can be filled: what the fault "disk full" rests on."""

from __future__ import annotations

import errno
import os

import pytest

from tests.support import disks


def test_a_full_disk_takes_nothing_until_it_is_not_full(tmp_path):
    with disks.mounted(tmp_path / "disk", 4) as there:
        if not there:
            assert not os.path.ismount(tmp_path / "disk"), "no right to mount: the fault says it is impossible"
            return
        with disks.full(tmp_path / "disk"), pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            (tmp_path / "disk" / "file").write_bytes(b"x")
        (tmp_path / "disk" / "file").write_bytes(b"x")
    assert not os.path.ismount(tmp_path / "disk")
