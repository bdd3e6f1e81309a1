"""Migration helpers: row-level security, grants and composite keys, in one home.

Three log-ins (``<prefix>_owner``, ``_app``, ``_engine``). The owner only migrates and owns the
look-up functions; the app sees the rows of the tenant in ``carillon.tenant``, or all with
``carillon.platform``; the engine sees all by policy and has no BYPASSRLS. Security is forced, so
a table nobody wrote a policy for is empty for everyone.

After a transaction-local setting ends its value is '' and not NULL, hence ``nullif``.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import migrations

OWNER = f"{settings.ROLE_PREFIX}_owner"
APP = f"{settings.ROLE_PREFIX}_app"
ENGINE = f"{settings.ROLE_PREFIX}_engine"

# The sub-selects make PostgreSQL read the settings once a statement instead of once a row.
_MINE = "{column} = (SELECT nullif(current_setting('carillon.tenant', true), '')::uuid)"
_PLATFORM = "(SELECT current_setting('carillon.platform', true)) = 'on'"


def run(sql: str, undo: str = "") -> migrations.RunSQL:
    """One statement and its way back."""
    return migrations.RunSQL(sql, undo or migrations.RunSQL.noop)


def wall(
    table: str, *, app: str, engine: str, column: str = "tenant_id", owner_reads: bool = False
) -> list[migrations.RunSQL]:
    """Put ``table`` behind row-level security and grant ``app`` and ``engine`` the named rights, and nothing else."""
    rule = f"{_MINE.format(column=column)} OR {_PLATFORM}"
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_app ON {table} TO {APP} USING ({rule}) WITH CHECK ({rule})",
        f"CREATE POLICY {table}_engine ON {table} TO {ENGINE} USING (true) WITH CHECK (true)",
    ]
    if owner_reads:
        statements.append(f"CREATE POLICY {table}_owner ON {table} FOR SELECT TO {OWNER} USING (true)")
    return [*map(run, statements), *grant(table, app=app, engine=engine)]


def grant(table: str, *, app: str, engine: str) -> list[migrations.RunSQL]:
    """Grant rights on a table without a wall: one that belongs to the platform."""
    rights = [(APP, app), (ENGINE, engine)]
    return [run(f"GRANT {what} ON {table} TO {role}") for role, what in rights if what]


def composite_reference(table: str, column: str, parent: str, *, on_delete: str = "NO ACTION") -> migrations.RunSQL:
    """``table.column`` refers to ``parent`` of the same tenant: a plain foreign key would let one tenant name another's row."""
    name = f"{table}_{column}_same_tenant"
    return run(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {parent} (tenant_id, id) ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def functions(statements: Iterable[str]) -> list[migrations.RunSQL]:
    """Several statements in order."""
    return [run(statement) for statement in statements]
