"""What belongs to one tenant."""

from __future__ import annotations

from django.db import models

from tenants.fields import new_id
from tenants.models.tenant import Tenant


class TenantOwned(models.Model):
    """Base of every row a tenant owns; guarded by row-level security (:mod:`tenants.rls`).

    No index on the tenant alone: each table's own indexes begin with it where a list needs that.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        abstract = True


class PartitionedByTime(TenantOwned):
    """Base of the tables whose weekly partitions are dropped whole.

    A foreign key check for each inserted row would cost more than the row; the tenant is proven by
    the job's composite key, or copied from an execution that was.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)

    class Meta:
        abstract = True
