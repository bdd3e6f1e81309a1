"""What of a tenant is limited how, with the installation's defaults; and the refusal of more."""

from __future__ import annotations

from django.conf import settings

from tenants.errors import ServiceError
from tenants.models import Tenant
from tenants.rules import quotas
from tenants.rules.quotas import Quota


class QuotaExceeded(ServiceError):
    """This tenant has as many as it may have."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, quota: Quota, *, limit: int, used: int) -> None:
        super().__init__(
            quotas.refusal(quota, limit, used), details={"quota": quota.name, "limit": limit, "used": used}
        )


def limit(tenant: Tenant, quota: Quota) -> int | None:
    """What holds for ``tenant``; None for no limit. No query."""
    return quota.limit(getattr(tenant, quota.field), settings.QUOTAS)
