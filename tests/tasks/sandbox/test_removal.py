"""Folders that a script has made as hard to remove as it can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.sandbox import removal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "attempt"
    made.mkdir()
    return made


def test_folder_nested_deeper_than_a_path_is_long_is_removed(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    name = "d" * 200
    for number in range(60):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
        if number % 20 == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    removal.remove(folder)
    assert not folder.exists()


def test_closed_folders_and_names_like_its_own_are_removed(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / ".moved-0" / "x").mkdir(parents=True)
    (folder / ".moved-1" / "x" / "y").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch()
    (folder / "a").chmod(0)
    removal.remove(folder)
    assert not folder.exists()


def test_what_links_lead_to_stays(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (folder / "link").symlink_to(kept)
    (folder / "d").mkdir()
    (folder / "d" / "link").symlink_to(kept / "file")
    removal.remove(folder)
    assert not folder.exists()
    assert (kept / "file").exists()


def test_folder_that_is_a_link_or_gone_is_left(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    removal.remove(tmp_path / "link")
    removal.remove(tmp_path / "nothing")
    assert folder.exists()


def test_what_cannot_be_removed_does_not_hold_it_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a" / "b").mkdir(parents=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(os, "rmdir", refuse)
    removal.remove(folder)
    assert folder.exists()
