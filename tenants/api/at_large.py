"""Routes of a tenant that the platform's people ask for the whole platform as well, by naming none."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from tenants import actors, context
from tenants.api.views import TenantViewSet
from tenants.requests import Actor
from tenants.rules.permissions import PLATFORM


class AtLargeViewSet(TenantViewSet):
    """Without a tenant such a request sees what the platform sees, and there is no ``tenant``."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self._at_large:
            actors.check(request.auth, PLATFORM)  # type: ignore[arg-type]
            context.enter(context.PLATFORM)

    @property
    def _at_large(self) -> bool:
        actor = self.request.auth
        return isinstance(actor, Actor) and actor.of_platform and actor.tenant is None
