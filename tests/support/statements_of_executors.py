"""Arguments for the statements of executors.sql; see statements.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from psycopg.types.json import Jsonb

from jobs.rules import identity
from tests.support import rows

EXECUTION = identity.request_id(rows.now())
OF_TENANT = {"id": EXECUTION, "tenant_id": uuid4()}

EXECUTORS: Mapping[str, Mapping[str, Any]] = {
    "wake_served": {"queue": "default"},
    "park_unserved": {"queue": "default", "limit": 2000},
    "hold_executor": {"id": uuid4(), "tenant_id": uuid4()},
    "claimable": {"tenant_id": uuid4(), "queues": ["default"], "name": "x", "capabilities": ["gpu"], "limit": 50},
    "have_something": {"ids": [uuid4()]},
    "hold_claim": OF_TENANT,
    "last_line": {"id": EXECUTION},
    "logged": {"id": EXECUTION, "epoch": 1},
    "append_sent": {
        **OF_TENANT, "attempt": 1, "epoch": 1, "chunk": "1", "first_seq": 1, "size": 100,
        "lines": Jsonb([["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]]),
    },
    "held_by": {"lease_id": uuid4()},
    "overdue_claims": {"grace": timedelta(seconds=10), "limit": 500},
}  # fmt: skip
