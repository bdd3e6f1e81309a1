"""Whose rows the current transaction may see.

The scope lives in a context variable. The database back end (:mod:`tenants.database`) sends it to
PostgreSQL at each outermost BEGIN, and :func:`enter` sends it at once when a transaction is already
open, so row-level security always knows the tenant. It is local to the transaction: a pooled
connection carries nothing over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant's rows, or with ``platform`` everybody's; neither sees nothing."""

    tenant_id: UUID | None = None
    platform: bool = False


NOBODY = Scope()
PLATFORM = Scope(platform=True)
_scope: ContextVar[Scope] = ContextVar("carillon_scope", default=NOBODY)


def current() -> Scope:
    """The scope in force."""
    return _scope.get()


def enter(scope: Scope) -> None:
    """Put ``scope`` in force from here on, also in a transaction that is already open."""
    _scope.set(scope)
    if connection.in_atomic_block and not connection.needs_rollback:
        apply()


def apply() -> None:
    """Tell PostgreSQL the scope in force, for the rest of this transaction."""
    scope = _scope.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('carillon.tenant', %s, true), set_config('carillon.platform', %s, true)",
            [str(scope.tenant_id or ""), "on" if scope.platform else ""],
        )


@contextmanager
def within(scope: Scope) -> Iterator[None]:
    """``scope`` for the length of a block, then the former one again."""
    before = _scope.get()
    enter(scope)
    try:
        yield
    finally:
        enter(before)
