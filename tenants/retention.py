"""What is kept of log-ins, and for how long: ended sessions a week, failures an hour, the console's sessions to their end."""

from __future__ import annotations

from django.db import connection

BATCH = 10_000
# Each in batches by its key, so that no statement takes long; what is left over goes the next time.
_EXPIRED = (
    """DELETE FROM login_session WHERE id IN (SELECT id FROM login_session
       WHERE expires_at < now() - interval '7 days' LIMIT %s)""",
    """DELETE FROM axes_accessattempt WHERE id IN (SELECT id FROM axes_accessattempt
       WHERE attempt_time < now() - interval '1 hour' LIMIT %s)""",
    """DELETE FROM django_session WHERE session_key IN (SELECT session_key FROM django_session
       WHERE expire_date < now() LIMIT %s)""",
)


def prune() -> int:
    """Delete what nobody can use any more; returns how much it was."""
    with connection.cursor() as cursor:
        deleted = 0
        for statement in _EXPIRED:
            cursor.execute(statement, [BATCH])
            deleted += cursor.rowcount
    return deleted
