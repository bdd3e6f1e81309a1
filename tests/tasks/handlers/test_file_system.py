"""The file_system job type over the tenant's folder, moto's S3 and an SFTP server: the same operations give the same."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.handlers import Cancelled, Defer
from jobs.rules.codes import Failure
from tasks import egress
from tasks.files import bucket
from tasks.files.contract import FileProblem, TooMuch, Unsafe
from tasks.files.local import PARTIAL
from tasks.handlers.cleanup import Cleanup, CleanupParams
from tasks.handlers.file_system import FileSystem, FileSystemParams
from tests.support import contexts, s3_server, sftp_server
from tests.support.contexts import RecordingContext
from tests.support.names import Names
from tests.support.processes import eventually

Run = Callable[..., Any]


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.FILES = tmp_path / "files"
    (tmp_path / "files" / "acme").mkdir(parents=True)
    return tmp_path / "files" / "acme"


@pytest.fixture
def revealed(tmp_path: Path) -> Iterator[dict[str, Any]]:
    (tmp_path / "server").mkdir()
    with sftp_server.serving(tmp_path / "server") as sftp:
        yield {"sftp": sftp}


def s3(**fields: Any) -> dict[str, Any]:
    made = {
        "kind": "s3", "endpoint_url": s3_server.endpoint(), "bucket": s3_server.BUCKET, "access_key_id": s3_server.KEY,
        "secret_access_key": s3_server.SECRET, "path_style": True,
    }  # fmt: skip
    return {**made, **fields}


@pytest.fixture
def context(revealed: dict[str, Any]) -> Iterator[RecordingContext]:
    with contexts.recording(["127.0.0.1"], revealed=revealed) as context:
        yield context


@pytest.fixture
def run(folder: Path, context: RecordingContext) -> Run:
    def act(operation: str, **payload: Any) -> Any:
        return FileSystem().run(FileSystemParams(operation=operation, **payload), context)

    return act


@pytest.fixture(params=["local", "s3", "sftp"])
def at(request: pytest.FixtureRequest, revealed: dict[str, Any]) -> tuple[str | None, str]:
    """A place: its connection, and a folder in it of the test's own."""
    if request.param == "s3":
        revealed["s3"] = s3()
    return (None if request.param == "local" else request.param, f"t-{secrets.token_hex(4)}")


def put(folder: Path, path: str, content: bytes = b"hello", age: float = 0) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    os.utime(folder / path, (time.time() - age,) * 2)


def paths(result: Any) -> list[str]:
    return sorted(entry["path"] for entry in result["entries"])


def test_a_tree_goes_there_and_back(run, folder, at):
    place, base = at
    big = os.urandom(9_000_000 if place == "s3" else 300_000)  # in parts there
    for path, content in {"in/a ü+#.csv": b"hello", "in/deep/b": big, "in/empty": b""}.items():
        put(folder, path, content)
    told = run("copy", path="in", target=f"{base}/x", target_connection=place, recursive=True, verify=True)
    assert (told["files"], told["bytes"]) == (3, len(big) + 5)
    files = [
        entry
        for entry in run("list", path=base, connection=place, recursive=True)["entries"]
        if entry["kind"] == "file"
    ]
    assert {entry["path"]: entry["bytes"] for entry in files} == {
        f"{base}/x/a ü+#.csv": 5,
        f"{base}/x/deep/b": len(big),
        f"{base}/x/empty": 0,
    }
    assert run("checksum", path=f"{base}/x/deep/b", connection=place)["checksum"] == hashlib.sha256(big).hexdigest()
    run("copy", path=f"{base}/x", connection=place, target="back", recursive=True)
    assert (folder / "back/deep/b").read_bytes() == big
    assert (folder / "back/a ü+#.csv").read_bytes() == b"hello"


def test_files_are_moved_replaced_and_deleted_where_that_is_said(run, folder, at):
    place, base = at
    put(folder, "a"), put(folder, "b", b"other")
    run("copy", path="a", target=f"{base}/a", target_connection=place)
    with pytest.raises(FileProblem, match="there already"):
        run("copy", path="b", target=f"{base}/a", target_connection=place)
    run("copy", path="b", target=f"{base}/a", target_connection=place, overwrite=True)
    run("move", path=f"{base}/a", connection=place, target=f"{base}/sub/c", target_connection=place)
    assert paths(run("list", path=f"{base}/sub", connection=place)) == [f"{base}/sub/c"]
    assert run("list", path=f"{base}/sub", connection=place, pattern="*.csv")["count"] == 0
    run("move", path=f"{base}/sub/c", connection=place, target="home")
    assert (folder / "home").read_bytes() == b"other"
    run("mkdir", path=f"{base}/new/er", connection=place)
    assert run("delete", path=f"{base}/new", connection=place, recursive=True, dry_run=True)["count"] > 0
    assert f"{base}/new" in paths(run("list", path=base, connection=place))
    run("delete", path=f"{base}/new", connection=place, recursive=True)
    assert f"{base}/new/er" not in paths(run("list", path="", connection=place, recursive=True))
    with pytest.raises(FileProblem, match="there is no"):
        run("checksum", path=f"{base}/sub/c", connection=place)


def test_sync_copies_what_differs_and_may_be_done_again(run, folder, at):
    place, base = at
    for name in ("a", "b", "deep/c"):
        put(folder, f"in/{name}", age=100)
    first = run("sync", path="in", target=base, target_connection=place)
    assert (first["copied"], first["unchanged"], first["deleted"]) == (3, 0, 0)
    put(folder, "in/a", b"changed")
    (folder / "in/b").unlink()
    assert run("sync", path="in", target=base, target_connection=place, delete_extra=True, dry_run=True)["copied"] == 1
    again = run("sync", path="in", target=base, target_connection=place, delete_extra=True)
    assert (again["copied"], again["unchanged"], again["deleted"]) == (1, 1, 1)
    run("copy", path=base, connection=place, target="back", recursive=True)
    assert sorted(path.name for path in (folder / "back").rglob("*") if path.is_file()) == ["a", "c"]
    assert (folder / "back/a").read_bytes() == b"changed"


def test_old_files_that_fit_are_cleaned_up(run, folder):
    for path, age in {"x/old.csv": 100, "x/new.csv": 1, "x/old.txt": 100, "x/deep/old.csv": 100}.items():
        put(folder, path, age=age)
    wish = {"path": "x", "pattern": "*.csv", "older_than_seconds": 50}
    assert paths(run("clean_up", **wish, dry_run=True)) == ["x/old.csv"]
    assert (folder / "x/old.csv").exists()
    assert paths(run("clean_up", **wish, recursive=True)) == ["x/deep/old.csv", "x/old.csv"]
    assert sorted(path.name for path in (folder / "x").rglob("*") if path.is_file()) == ["new.csv", "old.txt"]


def test_a_clean_up_job_deletes_old_files_elsewhere(run, folder, context, revealed, at):
    place, base = at
    put(folder, "in/a.csv"), put(folder, "in/a.txt")
    run("copy", path="in", target=base, target_connection=place, recursive=True)
    left = {"store": place, "path": base, "pattern": "*.csv"}
    assert Cleanup().run(CleanupParams(older_than_days=1, **left), context)["deleted"] == 0
    assert eventually(lambda: Cleanup().run(CleanupParams(older_than_days=1e-6, **left), context)["deleted"])
    assert paths(run("list", path=base, connection=place)) == [f"{base}/a.txt"]


def test_a_file_is_awaited_until_nobody_writes_to_it(run, folder):
    wish = {"path": "in", "pattern": "*.csv", "settled_seconds": 60, "poll_seconds": 7}
    for age, name in ((None, ""), (10, "a.csv"), (100, "b.txt")):
        if age is not None:
            put(folder, f"in/{name}", age=age)
        with pytest.raises(Defer) as deferred:
            run("watch_for_file", **wish)
        assert deferred.value.delay.total_seconds() == 7
    put(folder, "in/c.csv", age=61)
    assert run("watch_for_file", **wish)["path"] == "in/c.csv"
    with pytest.raises(Defer):
        run("watch_for_file", **wish, min_bytes=6)


def test_what_a_file_is_awaited_by_is_in_the_log_once(run, context):
    for context.keeps in (None, {"told": True}):
        with pytest.raises(Defer, match="deferred"):
            run("watch_for_file", path="in", pattern="*.csv", settled_seconds=60, min_bytes=6)
    assert sum("that fits *.csv, of at least 6 bytes" in line.message for line in context.lines) == 1


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.zst"])
def test_a_folder_is_packed_and_unpacked(run, folder, form):
    put(folder, "in/a.csv"), put(folder, "in/b.txt")
    assert run("compress", path="in", target="out.pack", format=form, pattern="*.csv")["entries"] == 1
    assert run("extract", path="out.pack", target="again", format=form)["entries"] == 1
    assert [path.name for path in (folder / "again").iterdir()] == ["a.csv"]


def test_a_checksum_that_is_not_the_expected_one_fails(run, folder):
    put(folder, "a")
    assert run("checksum", path="a", algorithm="md5", expected=hashlib.md5(b"hello").hexdigest().upper())["bytes"] == 5
    with pytest.raises(FileProblem, match="has the sha256"):
        run("checksum", path="a", expected="0" * 64)


def test_nothing_is_read_through_a_link(run, folder, tmp_path):
    (tmp_path / "secret").write_text("somebody else's")
    (folder / "link").symlink_to(tmp_path / "secret")
    for operation in ("checksum", "copy"):
        with pytest.raises((Unsafe, FileProblem)):
            run(operation, path="link", target="mine")
    assert run("list")["entries"][0]["kind"] == "other"


def test_the_tenants_quota_of_files_holds(run, folder, context):
    put(folder, "a", b"x" * 600)
    context.max_file_bytes = 1000
    with pytest.raises(TooMuch) as refused:
        run("copy", path="a", target="b")
    assert refused.value.code == Failure.RESOURCE_LIMIT
    assert sorted(os.listdir(folder)) == [PARTIAL, "a"]
    assert os.listdir(folder / PARTIAL) == []


@pytest.mark.parametrize("place", [None, "s3", "sftp"])
def test_a_cancelled_copy_leaves_nothing_half(run, folder, context, revealed, tmp_path, place):
    revealed["s3"] = s3()
    base = f"t-{secrets.token_hex(4)}"
    put(folder, "big", bytes(20_000_000))
    context.stop.set()
    with pytest.raises(Cancelled):
        run("copy", path="big", target=f"{base}/big", target_connection=place)
    context.stop.clear()
    left = run("list", connection=place, recursive=True)
    assert not [entry for entry in left["entries"] if entry["path"].startswith(f"{base}/") and entry["kind"] == "file"]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "big"] == []


def test_a_server_with_another_key_is_told_no_password(run, revealed):
    import paramiko

    other = paramiko.ECDSAKey.generate()
    revealed["sftp"] = {**revealed["sftp"], "host_key": f"{other.get_name()} {other.get_base64()}"}
    with pytest.raises(Unsafe, match="another host key"):
        run("list", connection="sftp")


def test_a_wrong_password_is_said_to_be_one(run, revealed):
    revealed["sftp"] = {**revealed["sftp"], "password": "not-the-right-one"}
    with pytest.raises(FileProblem, match="does not let shop in"):
        run("list", connection="sftp")


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_nobody_reaches_an_address_that_is_not_allowed(run, context, revealed, kind):
    revealed["s3"] = s3()
    context.allowed_hosts = []
    with pytest.raises(egress.UnsafeTarget):
        run("list", connection=kind)


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_a_name_that_means_another_address_the_second_time_is_asked_for_once(
    run, context, revealed, monkeypatch, kind, server
):
    names = Names(monkeypatch)
    names.resolve("files.example.com", ["127.0.0.1"], ["169.254.169.254"])
    context.allowed_hosts = ["127.0.0.1"]
    server.answer("/reports/", body=b"<ListBucketResult/>")
    revealed["s3"] = s3(endpoint_url=server.url("").replace("127.0.0.1", "files.example.com"))
    revealed["sftp"] = {**revealed["sftp"], "host": "files.example.com"}
    run("list", connection=kind)
    assert names.asked.count("files.example.com") == 1


def test_names_of_a_bucket_that_lead_elsewhere_are_copied_nowhere(run, folder, context, revealed, server):
    listed = b"<ListBucketResult><Contents><Key>x/../../up</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents></ListBucketResult>"
    server.answer("/evil/", body=listed)
    revealed["s3"] = s3(endpoint_url=server.url(""), bucket="evil")
    found = run("list", connection="s3")
    assert [entry["kind"] for entry in found["entries"]] == ["other"]
    run("copy", connection="s3", target="in", recursive=True, path="")
    assert not (folder.parent / "up").exists()


def test_pages_of_a_bucket_without_entries_and_without_end_end(run, revealed, monkeypatch, server):
    monkeypatch.setattr(bucket, "_MOST_PAGES", 5)
    page = b"<R><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></R>"
    server.answer("/evil/", body=page)
    revealed["s3"] = s3(endpoint_url=server.url(""), bucket="evil")
    with pytest.raises(FileProblem, match="does not end"):
        run("list", connection="s3")


@pytest.mark.parametrize(
    "wish",
    [
        {"operation": "copy", "path": "a"}, {"operation": "delete"}, {"operation": "clean_up", "path": "a"}, {"operation": "list", "path": "/a"},
        {"operation": "list", "path": "a/../b"}, {"operation": "move", "target": "a"}, {"operation": "list", "path": "a\0"},
    ],
)  # fmt: skip
def test_a_payload_that_is_not_whole_is_refused(wish):
    with pytest.raises(ValueError, match=r"needs|absolute|\.\.|NUL"):
        FileSystemParams(**wish)
