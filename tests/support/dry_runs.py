"""A dry run, which changes nothing."""

from __future__ import annotations

from typing import Any

from tests.support import console

DRY = "?dry_run=true"


def told(api: Any, method: str, path: str, body: Any) -> dict[str, Any]:
    """What a dry run of the call says; no row of the database is another afterwards."""
    api.get("/api/v1/jobs")  # whatever is noted of a key's use is noted now
    before = console.contents()
    answer = api.ask(method, path + DRY, body)
    assert console.contents() == before
    assert answer.status_code == 200, answer.content
    assert "ETag" not in answer
    found: dict[str, Any] = answer.json()
    assert found["dry_run"] is True
    return found
