"""What an attempt leaves behind: whole with a row, or nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection

from jobs.handlers import HandlerError, LeaseLost, PermanentFailure
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import artifacts
from tasks.artifacts import Artifacts
from tests.support import attempts, rows

pytestmark = pytest.mark.usefixtures("as_engine", "quick")


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.ARTIFACTS_URL = str(tmp_path / "artifacts")
    return tmp_path / "artifacts"


def running(tenant: Any = None, *, execution: Any = None, **claim: Any) -> Any:
    """The artifacts of a running attempt."""
    job = rows.job(tenant or rows.tenant())
    found = execution or rows.execution(job, State.RUNNING)
    given = {"id": found, "tenant_id": tenant or job[1], "epoch": 1, "attempt": 1, **claim}
    return Artifacts(SimpleNamespace(**given))  # type: ignore[arg-type]


def leave(of: Artifacts, name: str = "rows.csv", content: bytes = b"a,b\n") -> Any:
    with of.writing(name, "text/csv") as file:
        file.write(content)
    return file.reference


def told(of: Artifacts) -> list[Any]:
    return rows.fetch(
        "SELECT name, bytes, sha256, content_type, attempt, state FROM artifact WHERE execution_id = %s ORDER BY created_at",
        of._claim.id,
    )


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_handler_leaves_one_and_its_result_refers_to_it(folder):
    def action(params: Any, context: Any) -> Any:
        with context.artifact("rows.csv", content_type="text/csv") as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            csv.writer(text).writerow(["a", "ä"])
            text.close()
        return file.reference

    outcome = attempts.attempt(action)
    content = "a,ä\r\n".encode()
    digest = hashlib.sha256(content).hexdigest()
    assert outcome.messages == []
    assert outcome.result == {"artifact": "rows.csv", "bytes": 6, "sha256": digest, "content_type": "text/csv"}
    (row,) = rows.fetch(
        "SELECT name, bytes, sha256, attempt, state, tenant_id FROM artifact WHERE execution_id = %s", outcome.id
    )
    assert row == ("rows.csv", 6, digest, 1, "kept", outcome.tenant_id)
    assert [path.read_bytes() for path in files(folder)] == [content]


def test_another_execution_of_the_tenant_reads_it_and_no_other_tenants():
    first = running()
    reference = leave(first)
    with running(first._claim.tenant_id).reading(reference, first._claim.id) as file:
        assert file.read() == b"a,b\n"
    with pytest.raises(HandlerError, match="not there any more"):
        running().reading(reference, first._claim.id)


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"artifact": "other"}, "not there"), ({"sha256": "0" * 64}, "not the one"), ({"artifact": None}, "not there")],
)
def test_what_is_not_as_it_was_said_is_not_read(changed, says):
    first = running()
    with pytest.raises(HandlerError, match=says):
        first.reading({**leave(first), **changed}, first._claim.id)


@pytest.mark.parametrize("change", ["expires_at = now()", "state = 'deleted'", "state = 'lost'"])
def test_what_is_over_is_not_read(change):
    first = running()
    reference = leave(first)
    rows.change(f"UPDATE artifact SET {change} WHERE execution_id = %s", first._claim.id)
    with pytest.raises(HandlerError, match="not there any more"):
        first.reading(reference, first._claim.id)


def test_an_error_in_the_block_leaves_nothing(folder):
    of = running()
    with pytest.raises(TypeError), of.writing("rows.csv", "text/csv") as file:
        file.write(b"x" * 100_000 + None)
    assert (told(of), files(folder)) == ([], [])


def test_a_later_attempts_takes_the_place_of_an_earlier_one(folder):
    of = running()
    leave(of, content=b"first")
    rows.change("UPDATE execution SET epoch = 2, attempt = 2 WHERE id = %s", of._claim.id)
    again = running(of._claim.tenant_id, execution=of._claim.id, epoch=2, attempt=2)
    reference = leave(again, content=b"second")
    assert [(row[4], row[5]) for row in told(of)] == [(1, "deleted"), (2, "kept")]
    assert [path.read_bytes() for path in files(folder)] == [b"second"]
    with again.reading(reference, of._claim.id) as file:
        assert file.read() == b"second"


def test_an_attempt_that_was_given_up_keeps_nothing(folder):
    of = running()
    rows.change("UPDATE execution SET epoch = 2 WHERE id = %s", of._claim.id)
    with pytest.raises(LeaseLost):
        leave(of)
    assert (told(of), files(folder)) == ([], [])


def test_one_that_is_too_large_is_refused_as_it_is_written(settings, folder):
    settings.MAX_ARTIFACT_BYTES = 10
    of = running()
    with pytest.raises(HandlerError, match="more than 10 bytes") as refused, of.writing("a", "text/csv") as file:
        file.writelines([b"x" * 10, b"x"])
    assert refused.value.code == Failure.RESOURCE_LIMIT
    assert (told(of), files(folder)) == ([], [])


def test_a_tenants_quota_holds_for_all_of_its_artifacts(folder):
    tenant = rows.tenant(max_artifact_bytes=10)
    of = running(tenant)
    leave(of, content=b"x" * 6)
    with pytest.raises(HandlerError, match="more than 4 bytes") as refused:
        leave(of, "other", b"x" * 5)
    assert refused.value.code == Failure.RESOURCE_LIMIT
    leave(of, content=b"x" * 10)  # in place of the six
    assert sum(path.stat().st_size for path in files(folder)) == 10


def test_the_quota_holds_for_two_that_are_written_at_once(folder):
    tenant = rows.tenant(max_artifact_bytes=10)
    both, refused = threading.Barrier(2), []

    def write() -> None:
        try:
            with running(tenant).writing("a", "text/csv") as file:
                file.write(b"x" * 6)
                both.wait(timeout=30)
        except HandlerError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error.code for error in refused] == [Failure.RESOURCE_LIMIT]
    assert len(files(folder)) == 1


def test_an_execution_leaves_so_many_at_most(monkeypatch, folder):
    monkeypatch.setattr(artifacts.rules, "MOST_OF_ONE", 1)
    of = running()
    leave(of)
    with pytest.raises(PermanentFailure, match="may leave 1 artifacts"):
        leave(of, "other")
    leave(of)  # again
    assert len(files(folder)) == 1


@pytest.mark.parametrize(("name", "content_type"), [("../up", "text/csv"), ("a", "text")])
def test_a_wrong_name_is_refused_before_anything_is_written(name, content_type, folder):
    with pytest.raises(PermanentFailure) as refused, running().writing(name, content_type):
        pytest.fail("began")
    assert refused.value.code == Failure.CONFIG_INVALID
    assert files(folder) == []


def test_a_database_that_loses_the_answer_makes_no_second_row_and_deletes_nothing(monkeypatch, folder):
    of, asked = running(), []
    record = of._record

    def lost(*given: Any) -> Any:
        asked.append(record(*given))
        if len(asked) == 1:
            raise OperationalError("gone")
        return asked[-1]

    monkeypatch.setattr(of, "_record", lost)
    leave(of)
    assert len(asked) == 2
    assert [row[5] for row in told(of)] == ["kept"]
    assert len(files(folder)) == 1


def test_memory_does_not_grow_with_what_is_written(folder):
    of, chunk, held = running(), bytes(1024 * 1024), []
    with of.writing("a", "text/csv") as file:
        for _ in range(64):
            file.write(chunk)
            held.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    assert max(held) - held[0] < 16 * 1024 * 1024


def test_it_is_only_written_from_front_to_back():
    of = running()
    with of.writing("a", "text/csv") as file:
        assert (file.writable(), file.readable(), file.seekable()) == (True, False, False)
        file.write(b"ab")
        assert file.tell() == 2
        with pytest.raises(io.UnsupportedOperation):
            file.read()


def test_other_errors_of_the_store_fail_the_attempt(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.ARTIFACTS_URL = str(tmp_path / "file" / "below")
    with pytest.raises(OSError, match="Not a directory"):
        leave(running())
