"""What of a tenant is limited how, with the installation's defaults; and the refusal of more."""

from __future__ import annotations

from typing import Self

from django.conf import settings

from tenants.errors import ServiceError
from tenants.models import Tenant
from tenants.rules import quotas
from tenants.rules.quotas import Quota


class QuotaExceeded(ServiceError):
    """This tenant has as many as it may have: let some go, or have the quota raised."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, name: str, message: str, *, limit: int, used: int) -> None:
        super().__init__(message, details={"quota": name, "limit": limit, "used": used})

    @classmethod
    def of(cls, quota: Quota, *, limit: int, used: int, wanted: int = 1) -> Self:
        """The refusal of one more, or of so many."""
        return cls(quota.name, quotas.refusal(quota, limit, used, wanted), limit=limit, used=used)


def limit(tenant: Tenant, quota: Quota) -> int | None:
    """What holds for ``tenant``; None for no limit. No query."""
    return quota.limit(getattr(tenant, quota.field), settings.QUOTAS)
