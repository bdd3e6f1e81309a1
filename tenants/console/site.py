"""The console's site: every page is entered through :meth:`ConsoleSite.admin_view`, which says why somebody may not."""

# ruff: noqa: ARG002 - the theme and Django hand over what these need not

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite

from tenants.actors import MissingPermission
from tenants.console import choosing, places
from tenants.console.places import Place, Trouble

View = Callable[..., HttpResponse]
#: For everybody who is logged in, wherever they work.
_FOR_ALL = {"tenant", "logout", "password_change", "password_change_done", "jsi18n"}
_DENIED = "Your role does not include this page. Ask an administrator of your tenant, or of the platform."


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """Open to everybody who may log in; what they see there is each page's question to :mod:`tenants.actors`."""

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.is_active)

    def extra_urls(self) -> list[URLPattern]:
        """Pages beside those of rows. Called by the theme."""
        return [path("tenant/", self.admin_view(choosing.view), name="tenant")]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        answered = super().admin_view(self._explained(view), cacheable)

        @wraps(answered)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            answer: HttpResponse = answered(request, *args, **kwargs)
            if request.headers.get("HX-Request") and answer.status_code == 302:
                # A part of a page asked: it is the browser that must go.
                return HttpResponse(headers={"HX-Redirect": answer["Location"]})
            return answer

        return door

    def _explained(self, view: View) -> View:
        @wraps(view)
        def explained(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            name = request.resolver_match.url_name if request.resolver_match else ""
            place = places.of(request)
            if place is not None and place.trouble and name not in _FOR_ALL:
                return self._stopped(request, place, is_first_page=name == "index")
            try:
                return view(request, *args, **kwargs)
            except (PermissionDenied, MissingPermission) as refused:
                return self.refused(request, str(refused) or _DENIED)

        return explained

    def _stopped(self, request: HttpRequest, place: Place, *, is_first_page: bool) -> HttpResponse:
        """What is shown to whoever is in no tenant just now, or in one that is suspended."""
        if place.trouble is Trouble.ENDED:
            places.leave(request)
            messages.warning(request, place.trouble)
            return redirect("admin:index")
        if place.trouble is Trouble.UNDECIDED:
            wanted = {} if is_first_page or request.method != "GET" else {"next": request.get_full_path()}
            return redirect(reverse("admin:tenant") + ("?" + urlencode(wanted) if wanted else ""))
        return self.refused(request, str(place.trouble), status=200 if is_first_page else 403)

    def refused(self, request: HttpRequest, why: str, *, status: int = 403) -> HttpResponse:
        """A page that says why there is nothing to see."""
        title = "Nothing to see yet" if status == 200 else "Not permitted"
        context = {
            **self.each_context(request),
            "title": title,
            "crumbs": [(title, "")],
            "why": why[:1].upper() + why[1:].rstrip(".") + ".",
        }
        return render(request, "console/refused.html", context, status=status)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "place": places.of(request)}

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The theme's search keeps what it found across tenants; lists have a search of their own."""
        raise Http404

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The menu lists the pages."""
        return redirect("admin:index")

    def get_log_entries(self, request: HttpRequest) -> Any:
        """None: what was changed is in the audit trail."""
        return []
