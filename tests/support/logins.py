"""Who this process is to the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, connections

from tests.support import servers

_KEPT = ("queue", "django_migrations", "django_content_type", "auth_permission", "usage_cursor", "channel_cursor")


def _log_in_as(role: str) -> None:
    from scheduler_project import settings as module

    connections.close_all()
    parts = urlsplit(servers.URLS[role])
    settings.DATABASE_ROLE = module.DATABASE_ROLE = role
    fresh = module._database(servers.URLS[role])
    # The same dictionary is shared by the connections of all threads.
    shared = connections.settings["default"]
    shared.update(
        USER=parts.username, PASSWORD=parts.password, OPTIONS=fresh["OPTIONS"], CONN_MAX_AGE=fresh["CONN_MAX_AGE"]
    )
    connection.settings_dict.update(shared)


@contextlib.contextmanager
def role(name: str) -> Iterator[None]:
    """Another log-in than the app's for the length of a block."""
    _log_in_as(name)
    try:
        yield
    finally:
        _log_in_as("app")


def engine() -> contextlib.AbstractContextManager[None]:
    """The engine's log-in for the length of a block."""
    return role("engine")


def empty() -> None:
    """Every table but the fixed ones."""
    with servers.superuser() as superuser:
        tables = superuser.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            " AND NOT relname = ANY(%s)",
            [list(_KEPT)],
        ).fetchall()
        # Nearly empty tables: deleting is ten times as quick as truncating each partition and index.
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(";".join(f"DELETE FROM {row[0]}" for row in tables))
        superuser.execute("DELETE FROM queue WHERE name <> 'default'")
        superuser.execute("UPDATE queue SET paused_at = NULL, max_running = NULL")
