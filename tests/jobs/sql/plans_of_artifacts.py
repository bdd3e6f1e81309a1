"""What statements about artifacts and bookmarks must be found by, and many rows of both."""

from __future__ import annotations

EXPECTED = {
    "artifact_terms": {"artifact_once"},
    "count_artifact_bytes": {"artifact_room"},
    "replace_artifact": {"artifact_once"},
    "keep_artifact": {"execution_pkey"},
    "artifact_known": {"artifact_key_key"},
    "count_artifacts": {"artifact_once"},
    "find_artifact": {"artifact_once"},
    "shorten_artifacts": {"artifact_length", "artifact_pkey"},
    "expired_artifacts": {"artifact_expiry"},
    "forget_artifacts": {"artifact_pkey"},
    "artifact_keys": {"artifact_key_key", "execution_pkey"},
    "lose_artifacts": {"artifact_pkey"},
    "drop_artifacts": {"artifact_pkey"},
    "bookmark": {"bookmark_once"},
    "move_bookmark": {"execution_pkey"},
}

TABLES = ("artifact", "bookmark")
#: One of each execution that ended well, a tenth of them over; two bookmarks of each job.
FILL = (
    """INSERT INTO artifact (id, tenant_id, execution_id, attempt, name, bytes, sha256, content_type, key, state, created_at, expires_at)
       SELECT carillon_child_id(id, 'artifact'), tenant_id, id, 1, 'report.csv', n, '', 'text/csv', gen_random_uuid(),
           CASE WHEN n % 10 = 0 THEN 'deleted' ELSE 'kept' END, now(), now() + (n - 1600) * interval '1 minute'
       FROM (SELECT *, row_number() OVER () AS n FROM execution WHERE state = 'succeeded') e""",
    """INSERT INTO bookmark (id, tenant_id, job_id, name, value, moved_at, execution_id)
       SELECT gen_random_uuid(), tenant_id, id, 'bookmark ' || n, '1', now(), id FROM job, generate_series(1, 2) n""",
)
