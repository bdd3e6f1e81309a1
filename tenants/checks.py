"""Start-up checks: the process refuses a database log-in that row-level security does not hold, and weak tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from tenants.rules import sessions


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


@register(Tags.security)
def tokens_are_strict(app_configs: object = None, **_: Any) -> list[CheckMessage]:  # noqa: ARG001
    """simplejwt asks for little by itself: what it is told must leave one way to make a token, and one to read it."""
    told: dict[str, Any] = settings.SIMPLE_JWT
    key, access = str(told.get("SIGNING_KEY", "")), told.get("ACCESS_TOKEN_LIFETIME", sessions.ACCESS)
    wrong = {
        "ALGORITHM must be HS256": told.get("ALGORITHM") != "HS256",
        "SIGNING_KEY must be its own, of 32 bytes at least": len(key) < 32 or key == settings.SECRET_KEY,
        "AUDIENCE and ISSUER must be set": not (told.get("AUDIENCE") and told.get("ISSUER")),
        "ACCESS_TOKEN_LIFETIME must be 15 minutes at most": access > timedelta(minutes=15),
        "LEEWAY must be 30 seconds at most": told.get("LEEWAY", 0) > 30,
        "JWK_URL must not be set": bool(told.get("JWK_URL")),
        "JTI_CLAIM and TOKEN_TYPE_CLAIM must stay": None
        in (told.get("JTI_CLAIM", ""), told.get("TOKEN_TYPE_CLAIM", "")),
    }
    return [Error(f"SIMPLE_JWT: {what}.", id="tenants.E002") for what, is_wrong in wrong.items() if is_wrong]
