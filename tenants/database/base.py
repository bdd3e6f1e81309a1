"""PostgreSQL, told at each BEGIN whose rows may be seen.

Django sends nothing of its own at BEGIN; row-level security needs the tenant before the first
statement. The engine's log-in sees every tenant by policy, so it is spared the round trip.
"""

from __future__ import annotations

from django.conf import settings
from django.db.backends.postgresql import base

from tenants import context


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL wrapper plus the scope."""

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit and settings.DATABASE_ROLE == "app":
            context.apply()
