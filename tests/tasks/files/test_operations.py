"""Operations between places of which one is not as it should be."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.connections.stores import S3
from jobs.handlers import Cancelled
from tasks.files import work
from tasks.files.bucket import Bucket
from tasks.files.contract import FILE, FOLDER, Entry, FileProblem
from tasks.files.local import PARTIAL, Root
from tasks.files.operations import OPERATIONS, Job
from tasks.files.work import Work
from tasks.handlers.file_system import FileSystemParams
from tests.support.contexts import RecordingContext


class Endless:
    """A server that always has one more."""

    def __init__(self, name: str) -> None:
        self._name = name

    def entry(self, path: str) -> Entry:
        return Entry(path, FOLDER, 0, 0.0)

    def entries(self, _: str) -> Iterator[Entry]:
        return (Entry(f"{self._name}{count}", FILE, 1, 0.0) for count in itertools.count())


def run(source: Any, other: Any, operation: str, context: RecordingContext | None = None, /, **payload: Any) -> Any:
    wish = FileSystemParams(operation=operation, **payload)  # type: ignore[arg-type]
    return OPERATIONS[operation](Job(wish, source, other, Work(context or RecordingContext())))


def left(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(path for path in found if PARTIAL not in path)


def test_what_a_move_does_not_copy_stays_where_it_is(tmp_path: Path):
    here = tmp_path / "here" / "in"
    for path in ("a.csv", "deep/b.txt", "deep/c.csv", "only/d.csv"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_bytes(b"x")
    (here / "link").symlink_to(tmp_path)
    wish = {"path": "in", "target": "in", "recursive": True}
    with Root.at(tmp_path / "here") as source, Root.at(tmp_path / "there") as target:
        moved = run(source, target, "move", **wish, pattern="*.csv")
        assert (moved["files"], moved["folders_left"], left(here)) == (3, 2, ["deep", "deep/b.txt", "link"])
        moved = run(source, target, "move", **wish)
        assert (moved["files"], moved["skipped"], moved["folders_left"], left(here)) == (1, 1, 1, ["link"])
        os.unlink(here / "link")
        assert run(source, target, "move", **wish)["folders_left"] == 0
    assert not here.exists()
    assert left(tmp_path / "there/in") == ["a.csv", "deep", "deep/b.txt", "deep/c.csv", "only", "only/d.csv"]


@pytest.mark.parametrize("name", ["x", "x" * 400])
@pytest.mark.parametrize("operation", ["list", "clean_up", "watch_for_file", "delete"])
def test_a_list_without_end_ends(monkeypatch, operation, name):
    monkeypatch.setattr(work, "MOST_ENTRIES", 5000)
    monkeypatch.setattr(work, "MOST_NAMES_BYTES", 100_000)
    place, wish = Endless(name), {"path": "in", "older_than_seconds": 1, "recursive": operation == "delete"}
    with pytest.raises(FileProblem, match="more than 5000 entries"):
        run(place, place, operation, **wish)
    context = RecordingContext()
    context.stop.set()
    with pytest.raises(Cancelled):
        run(place, place, operation, context, **wish)


def test_an_object_whose_copy_failed_after_a_200_stays(monkeypatch):
    asked = []

    def ask(_: Any, method: str, key: str, **__: Any) -> Any:
        asked.append((method, key))
        return httpx2.Response(200, content=b"<Error><Code>InternalError</Code></Error>")

    fields = {"endpoint_url": "https://files.example.com", "bucket": "reports"}
    place = Bucket(S3(access_key_id="key", secret_access_key="made-up-secret", **fields), httpx2.Client())  # type: ignore[arg-type]
    monkeypatch.setattr(Bucket, "entry", lambda _, path: {"a": Entry("a", FILE, 1, 0.0)}.get(path))
    monkeypatch.setattr(Bucket, "_ask", ask)
    with pytest.raises(FileProblem, match="a stays"):
        run(place, place, "move", path="a", target="b")
    assert asked == [("PUT", "b")]
