"""DRF permission: what who asks may do, against what the view asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants import actors, errors
from tenants.requests import Actor
from tenants.rules import permissions

if TYPE_CHECKING:  # DRF's views load this class while they are being loaded themselves
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """A view names its scopes: ``read_scope`` for GET, ``write_scope`` for the rest, or ``action_scopes`` by action.

    With ``open_to_platform`` the platform's operators need none of them.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Actor):
            raise errors.Unauthenticated
        if getattr(view, "open_to_platform", False) and request.auth.may(permissions.PLATFORM):
            return True
        actors.check(request.auth, required_scope(request.method or "GET", view))
        return True


def required_scope(method: str, view: APIView) -> str:
    """The scope a request needs."""
    by_action: dict[str, str] = getattr(view, "action_scopes", {})
    action = getattr(view, "action", None)
    if action in by_action:
        return by_action[action]
    name = "read_scope" if method in {"GET", "HEAD", "OPTIONS"} else "write_scope"
    return str(getattr(view, name))
