"""Arguments for the statements about artifacts and bookmarks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from jobs.rules import identity
from tests.support import rows

#: Of this week, so that the plan is that of the week which is full.
EXECUTION = identity.request_id(rows.now())
NAMED = {"execution_id": EXECUTION, "name": "report.csv"}

ARTIFACTS: Mapping[str, Mapping[str, Any]] = {
    "artifact_terms": {"tenant_id": uuid4(), **NAMED},
    "count_artifact_bytes": {"tenant_id": uuid4()},
    "replace_artifact": NAMED,
    "keep_artifact": {
        "id": uuid4(), "epoch": 1, **NAMED, "bytes": 1, "sha256": "", "content_type": "text/csv", "key": uuid4(),
        "kept": timedelta(days=30),
    },
    "artifact_known": {"key": uuid4()},
    "count_artifacts": {"execution_id": EXECUTION},
    "find_artifact": {"tenant_id": uuid4(), **NAMED},
    "shorten_artifacts": {"artifacts": timedelta(days=30), "executions": timedelta(days=90), "limit": 500},
    "expired_artifacts": {"limit": 500},
    "forget_artifacts": {"ids": [uuid4()]},
    "artifact_keys": {"low": UUID(int=0), "high": UUID(bytes=bytes(1) + b"\xff" * 15), "age": timedelta(hours=1)},
    "lose_artifacts": {"ids": [uuid4()]},
    "drop_artifacts": {"ids": [uuid4()]},
    "bookmark": {"job_id": uuid4(), "name": "last"},
    "move_bookmark": {
        "id": uuid4(), "execution_id": EXECUTION, "epoch": 1, "job_id": uuid4(), "name": "last", "value": Jsonb(1), "most": 100,
    },
}  # fmt: skip
