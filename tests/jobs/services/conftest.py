"""Services as the web process calls them: the app's log-in, one tenant in scope, one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tenants import context


@pytest.fixture
def tenant(owner: Any) -> Iterator[Any]:
    """The owner's, in scope; what the test does is one committed transaction, as a request is."""
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        yield owner.tenant
