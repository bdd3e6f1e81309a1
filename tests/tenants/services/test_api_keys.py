"""Who may give which scopes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from tenants import context, errors
from tenants.services import api_keys
from tests.support import acting
from tests.support.actors import platform

SCOPES = ["jobs:read", "platform"]


def test_the_platforms_scope_is_given_by_the_platform_alone(owner: Any) -> None:
    mine = context.Scope(tenant_id=owner.tenant.id)
    with (
        acting.as_(owner, "admin"),
        context.within(mine),
        transaction.atomic(),
        pytest.raises(errors.Invalid) as refused,
    ):
        api_keys.create(tenant=owner.tenant, name="more", scopes=SCOPES)
    assert list(refused.value.details) == ["scopes"]
    with platform():
        key, _ = api_keys.create(tenant=owner.tenant, name="operators", scopes=SCOPES)
    assert key.scopes == SCOPES
