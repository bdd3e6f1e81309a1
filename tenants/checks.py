"""Start-up checks: the process refuses a database log-in that row-level security does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection


@register(Tags.database)
def role_is_held_by_row_level_security(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The app's and the engine's log-in must be neither superuser nor BYPASSRLS, nor own a table."""
    if not databases or settings.DATABASE_ROLE == "owner" or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT rolsuper OR rolbypassrls, EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid),
                      EXISTS (SELECT 1 FROM pg_auth_members WHERE member = r.oid)
               FROM pg_roles r WHERE rolname = current_user"""
        )
        bypasses, owns, member = cursor.fetchone()
    if bypasses or owns or member:
        return [
            Error(
                "DATABASE_URL holds a log-in that would see through the walls between tenants.",
                hint=f"Use {settings.ROLE_PREFIX}_app or {settings.ROLE_PREFIX}_engine, as `make up` creates them.",
                id="tenants.E001",
            )
        ]
    return []
