"""PostgreSQL, told at each BEGIN whose rows may be seen.

Django sends nothing of its own at BEGIN; row-level security needs the tenant before the first
statement. The engine's log-in sees every tenant by policy, so it is spared the round trip; so is a
transaction for nobody, since what is told holds for one transaction and the next begins without.

A transaction that PostgreSQL ended for lasting too long is told of as Django's OperationalError, as a
statement or a wait for a lock that took too long is: the driver calls it an InternalError, which nobody
tries again after, and which would be taken for a defect. The same goes for a row that was on its way to a
DEFAULT partition while the partition it belongs to was being made: nothing is wrong with it, and it finds
its home the next time.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper, OperationalError
from django.utils.functional import cached_property
from psycopg import errors

from tenants import context

_ENDED_FOR_LASTING = (errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)


class _ErrorWrapper(DatabaseErrorWrapper):
    wrapper: base.DatabaseWrapper

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if isinstance(exc_value, _ENDED_FOR_LASTING) or _lost_its_home(exc_value):
            self.wrapper.errors_occurred = True
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


def _lost_its_home(error: Any) -> bool:
    # A table's own constraint has a name; that of a partition has none.
    return isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL wrapper plus the scope."""

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _ErrorWrapper(self)

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit and settings.DATABASE_ROLE == "app" and context.current() != context.NOBODY:
            context.apply()
