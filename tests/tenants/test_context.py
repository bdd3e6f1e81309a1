"""Row-level security follows the scope, as the app's own log-in."""

from __future__ import annotations

from django.db import connection, transaction

from tenants import context
from tenants.models import ApiKey


def _visible() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id::text FROM api_key")
        return {row[0] for row in cursor.fetchall()}


def test_query_without_a_tenant_returns_no_rows(owner):
    with transaction.atomic():
        assert _visible() == set()


def test_a_tenant_sees_its_own_rows_only(owner, outsider):
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        assert _visible() == {str(owner.tenant.id)}


def test_scope_entered_inside_a_transaction_takes_effect_at_once(owner, outsider):
    with transaction.atomic():
        assert _visible() == set()
        with context.within(context.Scope(tenant_id=outsider.tenant.id)):
            assert _visible() == {str(outsider.tenant.id)}
        assert _visible() == set()


def test_scope_does_not_outlive_its_transaction(owner):
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        assert _visible()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('carillon.tenant', true)")
        assert cursor.fetchone()[0] == ""


def test_another_tenants_row_can_neither_be_inserted_nor_updated(owner, outsider):
    import pytest
    from django.db import ProgrammingError

    with context.within(context.Scope(tenant_id=owner.tenant.id)):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            ApiKey.objects.create(tenant=outsider.tenant, name="x", key_id="y", digest=b"", scopes=[])
        with transaction.atomic():
            assert ApiKey.objects.filter(tenant=outsider.tenant).update(name="stolen") == 0
