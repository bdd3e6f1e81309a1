"""The one way in which what is stored of a tenant changes: locked, checked and told as old and new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants import context, errors
from tenants.models import Tenant
from tenants.services import audit


def store(tenant: Tenant, wanted: Mapping[str, Any]) -> Tenant:
    """The tenant with these values, by column. Whoever calls this has asked whether they may."""
    # An administrator of a tenant sees its row, and only the platform may write it.
    with transaction.atomic(), context.within(context.PLATFORM):
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        changes = audit.between(tenant, wanted)
        for name, (_, value) in changes.items():
            setattr(tenant, name, value)
        try:
            tenant.clean_fields()
        except ValidationError as error:
            raise errors.invalid(error.message_dict) from None
        if changes:
            tenant.save(update_fields=list(changes))
            audit.record(
                action="tenant.updated", object_type="tenant", object_id=tenant.pk, tenant=tenant, changes=changes
            )
    return tenant
