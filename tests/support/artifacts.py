"""An artifact with its bytes, arranged by the superuser."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobs import artifacts
from tenants.fields import new_id
from tests.support import rows


def stored(content: bytes = b"a,b\n") -> UUID:
    """Bytes alone; returns their key."""
    key = new_id()
    sink = artifacts.store().create(key)
    sink.write(content)
    sink.finish()
    return key


def kept(tenant_id: Any, execution_id: Any, content: bytes = b"a,b\n", **columns: Any) -> UUID:
    """A row with its bytes; returns its id."""
    identifier = new_id()
    defaults = {
        "id": identifier, "tenant_id": tenant_id, "execution_id": execution_id, "attempt": 1, "name": f"{identifier}.csv",
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "content_type": "text/csv",
        "key": columns.get("key") or stored(content), "state": "kept", "created_at": rows.now(), "expires_at": rows.now() + timedelta(days=1),
    }  # fmt: skip
    rows.insert("artifact", **(defaults | columns))
    return identifier
