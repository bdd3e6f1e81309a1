"""Making tenants and holding their work."""

from __future__ import annotations

import secrets

import pytest
from django.db import transaction

from tenants.errors import Invalid, ServiceError
from tenants.services import tenants
from tests.support import rows
from tests.support.actors import platform


@pytest.fixture
def slug():
    return f"acme-{secrets.token_hex(6)}"


def test_tenant_is_made_active_and_audited(slug):
    with transaction.atomic():
        tenant = tenants.create(slug=slug, name="Acme", allowed_hosts=["localhost"])
    stored = rows.fetch("SELECT state, allowed_hosts FROM tenant WHERE id = %s", tenant.id)
    assert stored == [("active", ["localhost"])]
    assert rows.fetch("SELECT action FROM audit_event WHERE tenant_id = %s", tenant.id) == [("tenant.created",)]


def test_slug_is_taken_once(slug):
    with transaction.atomic():
        tenants.create(slug=slug, name="Acme")
    with pytest.raises(ServiceError, match="taken"), transaction.atomic():
        tenants.create(slug=slug, name="Other")


@pytest.mark.parametrize(
    "fields",
    [
        {"slug": "No Slug"},
        {"slug": "-a"},
        {"weight": 0},
        {"max_running": 0},
        {"name": ""},
        {"allowed_hosts": ["http://x"]},
        {"allowed_callables": ["a b"]},
    ],
)
def test_bad_tenant_is_refused_by_field(slug, fields):
    with pytest.raises(Invalid) as refused, transaction.atomic():
        tenants.create(**{"slug": slug, "name": "Acme", **fields})
    assert set(refused.value.details) == set(fields)


def test_suspended_tenants_schedules_are_held_until_it_is_active_again(owner):
    owner.api.post(
        "/api/v1/jobs", {"name": "a", "type": "dummy", "schedules": [{"kind": "cron", "expression": "0 0 * * *"}]}
    )

    def held():
        return rows.fetch("SELECT due_at IS NULL FROM schedule WHERE tenant_id = %s", owner.tenant.id) == [(True,)]

    with platform():
        tenants.suspend(tenant=owner.tenant)
        tenants.suspend(tenant=owner.tenant)
    assert held()
    assert owner.api.get("/api/v1/jobs").status_code == 403
    with platform():
        tenants.activate(tenant=owner.tenant)
    assert not held()
    assert owner.api.get("/api/v1/jobs").status_code == 200
    actions = rows.fetch(
        "SELECT action FROM audit_event WHERE object_type = 'tenant' AND tenant_id = %s ORDER BY id", owner.tenant.id
    )
    assert actions == [("tenant.suspended",), ("tenant.activated",)]
