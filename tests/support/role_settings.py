"""Other settings for the log-ins of this test process's database. Roles are the whole server's, and its other tests use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import sql

from tests.support import servers


@contextmanager
def of(roles: Sequence[str], **settings: int) -> Iterator[None]:
    """For connections made within the block, in this database only."""
    _alter(
        roles, {name: sql.SQL("SET {} = {}").format(sql.Identifier(name), value) for name, value in settings.items()}
    )
    try:
        yield
    finally:
        _alter(roles, {name: sql.SQL("RESET {}").format(sql.Identifier(name)) for name in settings})


def _alter(roles: Sequence[str], changes: dict[str, sql.Composed]) -> None:
    server = servers.kept_superuser()
    row = server.execute("SELECT current_database()").fetchone()
    assert row is not None
    for role in roles:
        start = sql.SQL("ALTER ROLE {} IN DATABASE {} ").format(
            sql.Identifier(f"carillon_{role}"), sql.Identifier(row[0])
        )
        for change in changes.values():
            server.execute(start + change)
