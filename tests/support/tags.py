"""Tags of jobs, arranged by the superuser."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tenants.fields import new_id
from tests.support import rows


def give(job: Any, tag: str) -> UUID:
    """A job's tag; returns the key of the tag itself, which the database makes."""
    rows.insert("job_tag", id=new_id(), tenant_id=job[1], job_id=job[0], tag=tag)
    found: UUID = rows.fetch("SELECT id FROM tag WHERE tenant_id = %s AND tag = %s", job[1], tag)[0][0]
    return found


def paused(job: Any, tag: str = "nightly", **columns: Any) -> UUID:
    """The same, paused for an hour already and still."""
    key = give(job, tag)
    said = {"reason": "The vendor is down.", "paused_by": "user:ops@example.com", "until": None} | columns
    rows.change(
        "UPDATE tag SET paused_at = now() - interval '1 hour', reason = %(reason)s, paused_by = %(paused_by)s, until = %(until)s"
        " WHERE id = %(key)s",
        key=key,
        **said,
    )
    return key
