"""The page where people choose the tenant they work in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from tenants.console import places

#: More are found by typing.
MOST = 50


def view(request: HttpRequest) -> HttpResponse:
    """Ask; and what is posted is kept in the session."""
    if request.method == "POST":
        return _chosen(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    sought = request.GET.get("q", "").strip()
    found = places.choices(request.user, containing=sought, limit=MOST + 1)
    place = places.of(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Choose a tenant",
        "crumbs": [("Choose a tenant", "")],
        "tenants": found[:MOST],
        "more": len(found) > MOST,
        "sought": sought,
        "searchable": bool(sought) or len(found) > MOST,
        "whole_platform": places.is_of_platform(request.user),
        "current": place and place.tenant,
        "next": _next(request),
    }
    return render(request, "console/choosing.html", context)


def _chosen(request: HttpRequest) -> HttpResponse:
    if not places.choose(request, request.POST.get("tenant", "")):
        messages.error(request, "You do not belong to that tenant.")
        return redirect(reverse("admin:tenant"))
    return redirect(_next(request) or reverse("admin:index"))


def _next(request: HttpRequest) -> str:
    """Where somebody wanted to go before they were asked; only if it is here."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if here else ""
