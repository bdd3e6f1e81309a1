"""A tenant's folder: nothing leads out of it, and nothing half-written is seen in it. Each test fails without its wall."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.files import quota, renaming
from tasks.files.contract import FileProblem, TooMuch, Unsafe, walk
from tasks.files.local import PARTIAL, Root
from tasks.files.names import BadName
from tasks.files.quota import Room

SECRET = "somebody else's"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files" / "acme"


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root.at(folder) as root:
        yield root


def write(root: Root, path: str, content: bytes = b"x", **options: Any) -> None:
    with root.writing(path, **options) as file:
        file.write(content)


def read(root: Root, path: str) -> bytes:
    with root.open(path) as file:
        return file.read()


def unfinished(folder: Path) -> list[str]:
    return os.listdir(folder / PARTIAL) if (folder / PARTIAL).exists() else []


def test_a_file_is_written_read_listed_moved_and_deleted(root, folder):
    write(root, "a/b/c.txt", b"hello")
    assert read(root, "a/b/c.txt") == b"hello"
    assert [(entry.path, entry.kind, entry.bytes) for entry in walk(root, "")] == [
        ("a", "folder", 0), ("a/b", "folder", 0), ("a/b/c.txt", "file", 5),
    ]  # fmt: skip
    root.rename("a/b/c.txt", "d/e.txt")
    assert (root.entry("a/b/c.txt"), read(root, "d/e.txt"), root.used()) == (None, b"hello", 5)
    root.delete("d/e.txt")
    root.delete("d")
    root.delete_tree("a")
    assert root.entries("") == []
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("path", ["link", "way/secret", "way", "magic/etc/passwd"])
def test_no_link_is_followed_out_of_it(root, folder, outside, path):
    (folder / "link").symlink_to(outside / "secret")
    (folder / "way").symlink_to(outside)
    (folder / "magic").symlink_to("/proc/self/root")
    for act in (lambda: read(root, path), lambda: write(root, f"{path}/new"), lambda: list(root.entries(path))):
        with pytest.raises((Unsafe, FileProblem)):
            act()
    assert os.listdir(outside) == ["secret"]


def test_writing_over_a_link_replaces_the_link_and_not_what_it_names(root, folder, outside):
    (folder / "link").symlink_to(outside / "secret")
    write(root, "link", b"mine")
    assert ((outside / "secret").read_text(), read(root, "link")) == (SECRET, b"mine")


def test_deleting_a_tree_deletes_links_and_not_what_they_name(root, folder, outside):
    root.make_folder("tree")
    (folder / "tree" / "way").symlink_to(outside)
    root.delete_tree("tree")
    assert os.listdir(outside) == ["secret"]


def test_a_hard_link_to_somebody_elses_file_is_not_read(root, folder, outside):
    os.link(outside / "secret", folder / "mine")
    with pytest.raises(Unsafe, match="hard link"):
        read(root, "mine")


def test_pipes_sockets_and_devices_are_not_opened(root, folder):
    os.mkfifo(folder / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    try:
        os.chdir(folder)  # the address of such a socket is short
        listening.bind("socket")
    finally:
        os.chdir(here)
        listening.close()
    kinds = ["pipe", "socket"]
    if os.geteuid() == 0:
        os.mknod(folder / "device", 0o666 | 0o020000, os.makedev(1, 5))
        kinds.append("device")
    with open(os.open(folder / "pipe", os.O_RDWR), "rb"):  # so that nobody waits who opens it
        for name in kinds:
            with pytest.raises(Unsafe, match="no plain file"):
                root.open(name).close()


def exchange(one: Path, other: Path) -> None:
    """Each has the other's name, in one step: with a name that is nobody's in between, whoever writes would make a folder of it."""
    exchanging = 2
    here = -100
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchanging):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_a_link_that_is_swapped_in_at_any_moment_leads_nowhere(root, folder, outside):
    """A thread swaps a folder for a link to elsewhere and back; nobody reads or writes elsewhere meanwhile."""
    write(root, "turn/secret", b"own")
    (folder / "aside").symlink_to(outside)
    stop, turns, told = threading.Event(), [0], {"own": 0, "refused": 0}

    def swap() -> None:
        while not stop.is_set():
            for _ in range(2):
                exchange(folder / "turn", folder / "aside")
            turns[0] += 1

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and (turns[0] < 300 or not told["own"] or not told["refused"]):
            try:
                assert read(root, "turn/secret") == b"own"
                write(root, "turn/new", b"own")
                told["own"] += 1
            except (Unsafe, FileProblem):
                told["refused"] += 1
    finally:
        stop.set()
        swapping.join()
    assert min(told.values()) > 0, told
    assert os.listdir(outside) == ["secret"]
    assert (outside / "secret").read_text() == SECRET


@pytest.mark.parametrize("exchanged", ["turn", "turn/secret"])
def test_a_link_that_is_swapped_in_just_before_the_kernel_opens_it_leads_nowhere(
    root, folder, outside, monkeypatch, exchanged
):
    """Whoever looks first and opens then would be had here each time."""
    write(root, "turn/secret", b"own")
    opening, place = os.open, folder / exchanged

    def swapping(name: Any, *how: Any, **where: Any) -> int:
        if name == place.name and not place.is_symlink():
            place.rename(folder / "kept")
            place.symlink_to(outside if place.name == "turn" else outside / "secret")
        return opening(name, *how, **where)

    monkeypatch.setattr(os, "open", swapping)
    with pytest.raises((Unsafe, FileProblem)):
        read(root, "turn/secret")
    assert place.is_symlink()


def test_half_a_file_is_seen_by_nobody_and_leaves_nothing(root, folder):
    write(root, "a", b"before")
    seen = []

    def stop(file: Any) -> None:
        file.write(b"half")
        seen.append(read(root, "a"))
        raise KeyError

    with pytest.raises(KeyError), root.writing("a") as file:
        stop(file)
    assert seen == [b"before"]
    assert (read(root, "a"), unfinished(folder)) == (b"before", [])


def test_what_is_there_is_only_replaced_where_that_is_said(root, folder):
    write(root, "a", b"before")
    with pytest.raises(FileProblem, match="there already"):
        write(root, "a", b"after", overwrite=False)
    write(root, "b")
    with pytest.raises(FileProblem, match="there already"):
        root.rename("a", "b")
    with pytest.raises(FileProblem, match="into itself"):
        root.rename("a", "a/b")
    assert unfinished(folder) == []


def test_a_staged_folder_appears_whole_or_not_at_all(root, folder):
    with root.staged("tree") as stage:
        write(stage, "deep/a", b"1")
        assert root.entry("tree") is None
    assert read(root, "tree/deep/a") == b"1"
    with pytest.raises(FileProblem, match="there already"), root.staged("tree"):
        pytest.fail("began")
    with pytest.raises(BadName), root.staged("other") as stage:
        write(stage, write(stage, "a") or "..")
    assert (root.entry("other"), unfinished(folder)) == (None, [])


def test_what_a_killed_process_left_is_swept_once_it_is_old(root, folder):
    write(root, "a")
    for name in ("old", "new"):
        (folder / PARTIAL / name).mkdir()
    os.utime(folder / PARTIAL / "old", (0, 0))
    root.sweep()
    assert unfinished(folder) == ["new"]


def test_no_more_is_written_than_the_tenant_may_have(root, folder):
    write(root, "a", b"x" * 6)
    root.charge = Room(10, root.used)
    with pytest.raises(TooMuch, match="10 bytes"):
        write(root, "b", b"x" * 5)
    root.charge = Room(10, root.used)
    write(root, "b", b"x" * 4)
    assert root.used() == 10


def test_a_library_is_given_a_path_that_stays_the_same_file(root, folder, outside):
    write(root, "db", b"own")
    with root.pinned("db") as path:
        (folder / "db").unlink()
        (folder / "db").symlink_to(outside / "secret")
        assert Path(path).read_bytes() == b"own"


@pytest.mark.parametrize("name", ["shop.sqlite3-journal", "shop-WAL", "a/shop-shm"])
def test_nothing_is_written_under_a_name_that_sqlite_believes(root, name):
    write(root, "plain")

    def unpack() -> None:
        with root.staged("tree") as stage:
            write(stage, name)

    for act in (
        lambda: write(root, name),
        lambda: root.rename("plain", name),
        unpack,
        lambda: root.staged(name).__enter__(),
    ):
        with pytest.raises(Unsafe, match="SQLite"):
            act()
    assert [entry.path for entry in walk(root, "")] == ["plain"]


def test_what_another_attempt_writes_meanwhile_counts_too(root, folder, monkeypatch):
    monkeypatch.setattr(quota, "LOOK_EVERY_BYTES", 4)
    root.charge = Room(10, root.used)
    write(root, "a", b"xx")
    (folder / "another's").write_bytes(b"x" * 5)
    with pytest.raises(TooMuch):
        write(root, "b", b"xxxx")
    monkeypatch.setattr(quota, "LOOK_EVERY_SECONDS", 0)
    monkeypatch.setattr(quota, "_SHARE", 0)
    root.charge = Room(10, root.used)

    def slowly() -> None:
        with root.writing("b") as file:
            file.write(b"x")
            (folder / "more").write_bytes(b"x" * 5)

    with pytest.raises(TooMuch):
        slowly()
    assert (root.entry("b"), unfinished(folder)) == (None, [])


@pytest.mark.parametrize("can", [True, False])
def test_a_file_that_gets_a_free_name_has_one_only(root, folder, monkeypatch, can):
    linked = []
    monkeypatch.setattr(os, "link", lambda *a, link=os.link, **k: linked.append(link(*a, **k)))
    if not can:
        monkeypatch.setattr(renaming, "_libc", object())
    write(root, "a", overwrite=False)
    assert ((folder / "a").stat().st_nlink, len(linked), unfinished(folder)) == (1, 0 if can else 1, [])
    with pytest.raises(FileProblem, match="there already"):
        write(root, "a", overwrite=False)
