"""Where artifacts' bytes lie: whole or not at all, on the disk as in a bucket."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from jobs.artifacts import contract
from jobs.artifacts.bucket import Bucket
from jobs.artifacts.contract import Store
from jobs.artifacts.disk import Disk
from tests.support import s3_server


@pytest.fixture(params=["disk", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return (
        Disk(tmp_path / "deep" / "artifacts")
        if request.param == "disk"
        else Bucket(s3_server.url(secrets.token_hex(4)))
    )


def kept(store: Store, content: bytes) -> UUID:
    key = uuid4()
    sink = store.create(key)
    sink.write(content)
    sink.finish()
    return key


def told(store: Store, key: UUID, *, older_than: float = 0) -> bool:
    return key in store.keys(contract.part(key), older_than=older_than)


def test_what_was_finished_is_read_from_any_place_and_told(store):
    key = kept(store, b"0123456789")
    with store.open(key) as file:
        assert file.read() == b"0123456789"
        file.seek(7)
        assert file.read(2) == b"78"
    assert told(store, key)
    assert not told(store, key, older_than=60)


def test_an_empty_one_is_there_too(store):
    key = kept(store, b"")
    with store.open(key) as file:
        assert file.read() == b""


def test_a_half_one_is_seen_by_nobody_and_leaves_nothing_when_abandoned(store):
    key = uuid4()
    sink = store.create(key)
    sink.write(b"x" * 20 * 1024 * 1024)
    assert not told(store, key)
    with pytest.raises(FileNotFoundError):
        store.open(key).read()
    sink.abandon()
    sink.abandon()
    assert not told(store, key)
    assert store.sweep(older_than=0) == 0


def test_what_a_dead_process_left_half_is_swept_once_it_is_old(store):
    sink = store.create(uuid4())
    sink.write(b"x" * 20 * 1024 * 1024)
    if isinstance(store, Disk):  # moto says of every upload that it began in 2010
        assert store.sweep(older_than=60) == 0
    assert store.sweep(older_than=0) == 1
    assert store.sweep(older_than=0) == 0
    sink.abandon()


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store):
    key = kept(store, b"x")
    store.delete(key)
    store.delete(key)
    assert not told(store, key)
    with pytest.raises(FileNotFoundError):
        store.open(key).read()


def test_on_disk_nobody_else_can_read_it_and_no_name_is_the_tenants(tmp_path):
    store = Disk(tmp_path / "artifacts")
    key = kept(store, b"x")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files] == [str(key)]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    sink = Disk(tmp_path).create(uuid4())
    os.dup2(full(), sink._file.fileno())
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"x" * 1024 * 1024)
    sink.abandon()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("url", ["s3://bucket", "s3+https://host", "s3+https:///bucket", "ftp://host/bucket"])
def test_a_wrong_address_says_how_it_should_look(url):
    with pytest.raises(ValueError, match="must look like"):
        Bucket(url)
