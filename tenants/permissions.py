"""DRF permission: the key's scopes against what the view asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants import errors
from tenants.models import ApiKey
from tenants.rules import api_keys

if TYPE_CHECKING:  # DRF's views load this class while they are being loaded themselves
    from rest_framework.views import APIView


class MissingScope(errors.ServiceError):
    """This API key may not do that."""

    code = "MISSING_SCOPE"
    status = 403


class HasScope(BasePermission):
    """A view names its scopes: ``read_scope`` for GET, ``write_scope`` for the rest, or ``action_scopes`` by action."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            raise errors.Unauthenticated
        needed = required_scope(request.method or "GET", view)
        if api_keys.allows(request.auth.scopes, needed):
            return True
        raise MissingScope(
            f"this API key lacks the scope {needed}", details={"required": needed, "granted": request.auth.scopes}
        )


def required_scope(method: str, view: APIView) -> str:
    """The scope a request needs."""
    by_action: dict[str, str] = getattr(view, "action_scopes", {})
    action = getattr(view, "action", None)
    if action in by_action:
        return by_action[action]
    name = "read_scope" if method in {"GET", "HEAD", "OPTIONS"} else "write_scope"
    return str(getattr(view, name))
