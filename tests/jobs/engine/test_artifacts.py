"""Artifacts that are over go; what a crash has left is found from both ends."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs import artifacts as stores
from jobs.artifacts import contract
from jobs.engine import artifacts, retention
from jobs.rules.states import State
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.ARTIFACTS_URL = str(tmp_path)
    return tmp_path


def stored(content: bytes = b"x", *, key: UUID | None = None) -> UUID:
    found = key or uuid4()
    sink = stores.store().create(found)
    sink.write(content)
    sink.finish()
    return found


def artifact(tenant: UUID | None = None, *, execution: UUID | None = None, **columns: Any) -> Any:
    """A row with its bytes; returns (id, key)."""
    job = rows.job(tenant or rows.tenant())
    identifier, key = uuid4(), columns.pop("key", None) or stored()
    defaults = {
        "id": identifier, "tenant_id": job[1], "execution_id": execution or rows.execution(job, State.SUCCEEDED), "attempt": 1,
        "name": str(identifier), "bytes": 1, "sha256": "0" * 64, "content_type": "text/csv", "key": key, "state": "kept",
        "created_at": rows.now(), "expires_at": rows.now() + DAY,
    }  # fmt: skip
    rows.insert("artifact", **(defaults | columns))
    return identifier, key


def there(key: UUID) -> bool:
    return key in stores.store().keys(contract.part(key), older_than=0)


def state(identifier: UUID) -> str | None:
    found = rows.fetch("SELECT state FROM artifact WHERE id = %s", identifier)
    return found[0][0] if found else None


def age(folder: Path, key: UUID, seconds: float) -> None:
    (path,) = folder.rglob(str(key))
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_is_over_goes_with_its_bytes_and_the_rest_stays(monkeypatch):
    monkeypatch.setattr(artifacts, "BATCH", 2)
    over = [artifact(expires_at=rows.now() - timedelta(seconds=1)) for _ in range(3)]
    kept = artifact()
    assert artifacts.prune() == 3
    assert {(state(id_), there(key)) for id_, key in over} == {(None, False)}
    assert (state(kept[0]), there(kept[1])) == ("kept", True)


def test_a_crash_between_bytes_and_row_leaves_a_row_that_is_over_and_goes_the_next_time(monkeypatch):
    over = artifact(expires_at=rows.now())
    asked = artifacts.sql.run

    def crashing(name: str, **given: Any) -> Any:
        if name == "forget_artifacts":
            raise KeyboardInterrupt
        return asked(name, **given)

    monkeypatch.setattr(artifacts.sql, "run", crashing)
    with pytest.raises(KeyboardInterrupt):
        artifacts.prune()
    assert (state(over[0]), there(over[1])) == ("kept", False)
    monkeypatch.undo()
    assert artifacts.prune() == 1


def test_a_store_that_is_away_delays_and_forgets_nothing(settings, tmp_path):
    over = artifact(expires_at=rows.now())
    (tmp_path / "file").write_text("")
    settings.ARTIFACTS_URL = str(tmp_path / "file")
    assert artifacts.prune() == 0
    assert state(over[0]) == "kept"


def test_a_tenant_that_keeps_less_loses_the_older_ones(settings):
    settings.ARTIFACT_RETENTION = 30 * DAY
    later = rows.now() + 300 * DAY
    brief, other, short = (
        rows.tenant(**columns) for columns in ({"artifact_days": 3}, {}, {"retention_days": 5, "artifact_days": 9})
    )
    gone = [artifact(brief, created_at=rows.now() - 4 * DAY, expires_at=later), artifact(short, created_at=rows.now() - 6 * DAY, expires_at=later),
            artifact(other, created_at=rows.now() - 31 * DAY, expires_at=later)]  # fmt: skip
    kept = [
        artifact(brief, created_at=rows.now() - 2 * DAY, expires_at=later),
        artifact(other, created_at=rows.now() - 29 * DAY, expires_at=later),
    ]
    assert artifacts.prune() == 3
    assert {state(id_) for id_, _ in gone} == {None}
    assert {state(id_) for id_, _ in kept} == {"kept"}


def test_bytes_without_a_row_are_deleted_once_no_row_can_follow(folder):
    old, fresh, known = stored(), stored(), artifact()[1]
    for key in (old, known):
        age(folder, key, artifacts.HALF.total_seconds() + 1)
    age(folder, fresh, 24 * 3600)  # what an attempt has written a day ago and finishes now
    for key in (old, fresh, known):
        artifacts.compare(contract.part(key))
    assert [there(key) for key in (old, fresh, known)] == [False, True, True]


def test_a_row_that_comes_while_it_is_looked_keeps_its_bytes(folder, monkeypatch):
    """Bytes that are listed after the rows were read are not judged by these rows."""
    run, key = artifacts.sql.run, uuid4()

    def late(name: str, **values: Any) -> Any:
        found = run(name, **values)
        if name == "artifact_keys":
            artifact(key=stored(key=key))
            age(folder, key, artifacts.HALF.total_seconds() + 1)
        return found

    monkeypatch.setattr(artifacts.sql, "run", late)
    artifacts.compare(contract.part(key))
    assert there(key)


def test_a_row_without_its_bytes_is_said_to_be_lost_unless_it_is_new(caplog):
    long_ago = rows.now() - 2 * artifacts.SETTLED
    lost, new, whole = artifact(key=uuid4(), created_at=long_ago), artifact(key=uuid4()), artifact(created_at=long_ago)
    for _, key in (lost, new, whole):
        artifacts.compare(contract.part(key))
    assert [state(id_) for id_, _ in (lost, new, whole)] == ["lost", "kept", "kept"]


def test_an_artifact_of_an_execution_that_is_gone_goes_too():
    left = artifact(execution=uuid4())
    artifacts.compare(contract.part(left[1]))
    assert state(left[0]) == "deleted"
    assert artifacts.prune() == 1
    assert not there(left[1])


def test_artifacts_go_with_the_executions_of_a_tenant_that_keeps_less():
    tenant = rows.tenant(retention_days=3)
    at = rows.now() - 4 * DAY
    from jobs.rules import identity

    execution = rows.execution(
        rows.job(tenant), State.FAILED, id=identity.request_id(at), created_at=at, finished_at=at
    )
    left = artifact(tenant, execution=execution)
    assert retention.expire() == 1
    assert state(left[0]) == "deleted"


def test_half_written_ones_of_dead_processes_are_swept(folder):
    sink = stores.store().create(uuid4())
    sink.write(b"x")
    (half,) = (folder / "partial").iterdir()
    artifacts.prune()
    assert half.exists()
    os.utime(half, (0, 0))
    artifacts.prune()
    assert not half.exists()
    sink.abandon()


def test_every_part_has_its_turn_within_sixteen(monkeypatch, settings):
    seen, now = [], time.time()
    for turn in range(16):
        at = now + turn * settings.MAINTENANCE_EVERY.total_seconds()
        monkeypatch.setattr(artifacts.time, "time", lambda at=at: at)
        seen += artifacts._due()
    assert sorted(seen) == list(range(contract.PARTS))
